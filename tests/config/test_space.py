from __future__ import annotations

from collections.abc import Callable

from zostudy.config import Choice, Range, load_study, method_space

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
