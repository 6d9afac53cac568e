from __future__ import annotations

from collections.abc import Callable

import pytest

from zostudy.config.changes import study_changes
from zostudy.config.distributions import Choice, Range
from zostudy.config.loading import load_study, study_of
from zostudy.config.space import method_space
from zostudy.methods import default_space, describe_options, get_method
from zostudy.yaml_text import dump_yaml

SPACE = """search:
  space:
    imbalance.prior: {choice: [global, batch]}
    rate: {low: 0.1, high: 1.0}
    sharpness_radius: {low: 0.1, high: 1.0}
    hop.rate: {choice: [7.0]}
    greedy: {choice: [true]}
"""


def test_each_method_searches_what_it_has_and_leaves_open(write_study: Callable[..., str]) -> None:
    methods = "methods: [climb, {hop: {method: climb, greedy: false}}, zosa]"
    study = load_study(write_study(methods=methods, search=SPACE))
    climb, hop, zosa = (method_space(study, method) for method in study.methods)
    prior, between = Choice(choice=("global", "batch")), Range(low=0.1, high=1.0)
    assert climb == {"imbalance.prior": prior, "rate": between, "greedy": Choice(choice=(True,))}
    assert list(climb) == ["imbalance.prior", "rate", "greedy"]
    assert hop == {"imbalance.prior": prior, "rate": Choice(choice=(7.0,))}
    assert zosa == {"imbalance.prior": prior, "sharpness_radius": between}


def test_values_keep_their_types(write_study: Callable[..., str]) -> None:
    path = write_study(search="search: {space: {queries_per_step: {low: 1, high: 3}, shape: {choice: [round]}}}")
    space = load_study(path).search.space
    assert space["queries_per_step"] == Range(low=1, high=3)
    assert isinstance(space["queries_per_step"], Range)
    assert type(space["queries_per_step"].low) is int


def test_without_a_space_each_method_searches_its_own(write_study: Callable[..., str]) -> None:
    methods = "methods: [climb, {hop: {method: climb, subspace_dim: 10}}, {zosa: {perturbation_radius: 0.2}}, untuned]"
    study = load_study(write_study(methods=methods, search="search: {trials: 6}"))
    climb, hop, zosa, untuned = (method_space(study, method) for method in study.methods)
    sampler = {"imbalance.sampler": Choice(choice=("natural", "stratified"))}
    assert climb == {"subspace_dim": Range(low=20, high=500, log=True)} | sampler
    assert hop == untuned == sampler
    assert zosa.keys() == {"subspace_dim", "reach", "sharpness_radius", "imbalance.sampler"}
    assert study_of(study.resolved()).search == study.search


def test_a_sampler_that_is_fixed_is_not_searched(write_study: Callable[..., str]) -> None:
    def searched(sampler: str) -> set[str]:
        imbalance = f"imbalance: {{sampler: {sampler}}}"
        study = load_study(write_study(methods="methods: [zosa]", search="search: {trials: 6}", imbalance=imbalance))
        return set(study.search.space)

    assert searched("auto") - searched("stratified") == {"imbalance.sampler"}


def test_a_space_that_is_given_or_a_study_without_search_has_no_default_one(write_study: Callable[..., str]) -> None:
    assert load_study(write_study()).search.space == {}
    methods = "methods: [climb, {hop: {method: climb, greedy: false}}, zosa]"
    given = load_study(write_study(methods=methods, search=SPACE)).search.space
    assert load_study(write_study(methods=methods, search=SPACE + "  trials: 6")).search.space == given


def test_an_option_of_another_setting_is_searched_with_it_alone() -> None:
    zosa = get_method("zosa")
    assert "focal_gamma" not in default_space(zosa, {})
    assert "focal_gamma" in default_space(zosa, {"objective": "focal"})
    assert "focal_gamma" not in default_space(zosa, {"objective": "focal", "focal_gamma": 1.0})


@pytest.mark.parametrize("name", ["bpt-fzg", "cma-es", "fzoo", "random-search", "spsa", "zosa"])
def test_a_default_space_covers_dimension_radius_reach_and_sampler_and_holds_the_defaults(name: str) -> None:
    method = get_method(name)
    defaults = {option.name: option.default for option in describe_options(method.Options)}
    study = study_of(
        {"name": "a", "model": {"name": "mini-roberta"}, "task": {"name": "reviews"}, "methods": [name]}
        | {"search": {"trials": 1}}
    )
    space = method_space(study, study.methods[0])
    assert {"subspace_dim", "reach", "imbalance.sampler"} <= space.keys()
    assert "perturbation_radius" not in defaults or "perturbation_radius" in space
    assert "learning_rate" not in space
    for key, values in space.items():
        assert key == "imbalance.sampler" or values.contains(defaults[key]), key
        assert key == "imbalance.sampler" or (isinstance(values, Range) and values.log), key


def test_a_default_space_is_stored_and_grows_with_the_methods(write_study: Callable[..., str]) -> None:
    search = "search: {trials: 6}"
    before = load_study(write_study(methods="methods: [zosa]", search=search)).resolved()
    assert "zosa.sharpness_radius" in dump_yaml(before)
    more = load_study(write_study(methods="methods: [zosa, spsa]", search=search)).resolved()
    assert not study_changes(before, more).contradictions
    assert study_changes(more, before).contradictions
    first = load_study(write_study(methods="methods: [zosa]")).resolved()
    assert not study_changes(first, before).contradictions
    # A study of before there were default spaces, which searched nothing, is not searched now.
    older = before | {"search": {key: value for key, value in before["search"].items() if key != "space"}}
    assert study_changes(older, before).contradictions
