from __future__ import annotations

from collections.abc import Callable

from zostudy.config import load_study
from zostudy.config.settings import imbalance_settings


def test_the_automatic_sampler_is_stratified(write_study: Callable[..., str]) -> None:
    study = load_study(write_study())
    assert imbalance_settings(study, {}).sampler == "stratified"
    assert imbalance_settings(study, {"imbalance.sampler": "natural"}).sampler == "natural"


def test_searched_settings_go_before_the_studys(write_study: Callable[..., str]) -> None:
    study = load_study(write_study(x="imbalance: {margin: 0.5, prior: batch}"))
    settings = imbalance_settings(study, {"imbalance.margin": 2.0, "reach": 3})
    assert (settings.margin, settings.prior) == (2.0, "batch")
