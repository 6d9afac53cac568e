"""ZOSA on the AUC objective is zosa with that option."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_it_is_zosa_on_the_auc_objective(toy: Any) -> None:
    preset, spelled = toy.method("zosa-auc"), toy.method("zosa", objective="auc")
    assert toy.run(preset) == toy.run(spelled)
    np.testing.assert_array_equal(preset.latent, spelled.latent)
    assert preset.objective.auxiliary["alpha"] > 0
