"""ZO-AdaMM is SPSA with a step rule of its own, which tests/methods/test_step_rules.py holds against a reference."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_it_is_spsa_with_its_step_rule(toy: Any) -> None:
    preset = toy.method("zo-adamm")
    spsa = toy.method("spsa", step_rule="amsgrad", learning_rate_schedule="linear", reach=1.0)
    assert toy.run(preset) == toy.run(spsa)
    np.testing.assert_array_equal(preset.latent, spsa.latent)
