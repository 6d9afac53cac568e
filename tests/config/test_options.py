from __future__ import annotations

from collections.abc import Callable

import pytest

from zostudy.config.loading import load_study, study_of
from zostudy.config.options import imbalance_settings
from zostudy.config.space import method_space
from zostudy.errors import SpecError


def test_the_automatic_sampler_is_stratified(write_study: Callable[..., str]) -> None:
    study = load_study(write_study())
    assert imbalance_settings(study.imbalance, study.methods[0], {}).sampler == "stratified"
    assert imbalance_settings(study.imbalance, study.methods[0], {"imbalance.sampler": "natural"}).sampler == "natural"


def test_searched_settings_go_before_the_studys(write_study: Callable[..., str]) -> None:
    study = load_study(write_study(x="imbalance: {margin: 0.5, prior: batch}"))
    settings = imbalance_settings(study.imbalance, study.methods[0], {"imbalance.margin": 2.0, "reach": 3})
    assert (settings.margin, settings.prior) == (2.0, "batch")


ENTRIES = "methods: [climb, {natural: {method: climb, imbalance.sampler: natural, imbalance.margin: 2, rate: 0.1}}]"


def test_an_entry_has_settings_for_itself_before_the_studys(write_study: Callable[..., str]) -> None:
    study = load_study(write_study(methods=ENTRIES, x="imbalance: {margin: 0.5, prior: batch}"))
    first, second = (imbalance_settings(study.imbalance, method, {}) for method in study.methods)
    assert (first.sampler, first.margin, first.prior) == ("stratified", 0.5, "batch")
    assert (second.sampler, second.margin, second.prior) == ("natural", 2.0, "batch")
    assert study.methods[1].options == {"rate": 0.1}


def test_an_entrys_own_settings_are_stored_and_read_again(write_study: Callable[..., str]) -> None:
    study = load_study(write_study(methods=ENTRIES))
    assert study.resolved()["methods"][1]["natural"]["imbalance.sampler"] == "natural"
    assert study_of(study.resolved()) == study


def test_a_setting_that_an_entry_has_for_itself_is_not_searched_there(write_study: Callable[..., str]) -> None:
    methods = "methods: [climb, {hop: {method: climb, imbalance.sampler: natural}}]"
    sampler, rate = "imbalance.sampler: {choice: [natural, stratified]}", "rate: {low: 0.1, high: 1}"
    study = load_study(write_study(methods=methods, search=f"search: {{trials: 2, space: {{{sampler}, {rate}}}}}"))
    climb, hop = (method_space(study, method).keys() for method in study.methods)
    assert climb == {"imbalance.sampler", "rate"}
    assert hop == {"rate"}


@pytest.mark.parametrize(
    ("methods", "rule", "remedy"),
    [
        ("{climb: {imbalance.samplr: natural}}", "must be a setting that one method may set", "imbalance.sampler"),
        ("{climb: {imbalance.ratios: [1]}}", "must be a setting that one method may set", "imbalance.prior"),
        ("{climb: {imbalance.sampler: even}}", "must be", "stratified"),
        ("{climb: {imbalance.margin: 0}}", "must be", "margin"),
        ("{untuned: {imbalance.sampler: natural}}", "must not be given for untuned", "leave it out"),
    ],
)
def test_a_wrong_setting_of_an_entry_is_refused(
    write_study: Callable[..., str], methods: str, rule: str, remedy: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load_study(write_study(methods=f"methods: [{methods}]"))
    (line,) = str(caught.value).splitlines()
    assert "study.yaml:4" in line
    assert rule in line
    assert remedy in line


def test_a_setting_that_every_entry_fixes_cannot_be_searched(write_study: Callable[..., str]) -> None:
    space = "search: {trials: 2, space: {imbalance.sampler: {choice: [natural, stratified]}}}"
    methods = "methods: [{climb: {imbalance.sampler: natural}}]"
    with pytest.raises(SpecError, match="search it or fix it as climb does, not both"):
        load_study(write_study(methods=methods, search=space))
