from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zostudy.config import load_study
from zostudy.config.settings import imbalance_settings
from zostudy.methods import get_method


@pytest.mark.parametrize(
    ("method", "objective", "sampler"),
    [("spsa", "auc", "stratified"), ("spsa", "cross-entropy", "natural"), ("untuned", None, "natural")],
)
def test_the_automatic_sampler_goes_by_the_objective(
    write_study: Callable[..., str], method: str, objective: str | None, sampler: str
) -> None:
    study = load_study(write_study())
    given: dict[str, Any] = {"objective": objective} if objective else {}
    options = get_method(method).Options(**given)
    assert imbalance_settings(study, {}, options).sampler == sampler
    assert imbalance_settings(study, {"imbalance.sampler": "natural"}, options).sampler == "natural"


def test_searched_settings_go_before_the_studys(write_study: Callable[..., str]) -> None:
    study = load_study(write_study(x="imbalance: {margin: 0.5, prior: batch}"))
    options = get_method("spsa").Options()
    settings = imbalance_settings(study, {"imbalance.margin": 2.0, "learning_rate": 3}, options)
    assert (settings.margin, settings.prior) == (2.0, "batch")
