"""What is said before the first trial of a study whose settings do little or are noisy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zostudy.config.study import StudySpec
from zostudy.methods.batches import make_sampler
from zostudy.search.cautions import cautions
from zostudy.search.plan import make_plan
from zostudy.search.setup import StudyData, set_up
from zostudy.tasks.imbalance import draw
from zostudy.tasks.table import TextTable

WEIGHTED = {"sampler": "natural", "ratios": (1, 5), "minority_size": 10, "class_weights": "balanced"}


@pytest.fixture
def lines(make_spec: Callable[..., StudySpec], table: TextTable) -> Callable[..., list[str]]:
    def said(**sections: Any) -> list[str]:
        plan = make_plan(make_spec(**({"search": {}} | sections)))
        return cautions(plan, data_of(plan, table))

    return said


def data_of(plan: Any, table: TextTable) -> StudyData:
    draws = {
        (ratio, plan.seed(k)): draw(table, (1,), plan.spec.imbalance, asked, plan.seed(k))
        for ratio, asked in plan.ratios.items()
        for k in plan.replicates
    }
    return StudyData(table.labels, 2, (1,), draws, {"zostudy": "0"})


def test_nothing_is_said_of_a_study_that_weights_and_searches_nothing(lines: Callable[..., list[str]]) -> None:
    assert lines() == []


def test_weights_over_hardly_any_minority_example_are_warned_of(lines: Callable[..., list[str]]) -> None:
    # 10 of 60 rows at ratio 5: 8 / 6 = 1.3 of a batch of 8. At ratio 1 there are 4.
    (line,) = lines(imbalance=WEIGHTED)
    assert line == (
        "warning: imbalance.class_weights: balanced multiplies the noise of single examples, as a batch holds 1.3 "
        "minority examples on average (spsa-r5, zosa-r5); use imbalance.sampler: stratified, or raise budget.batch_size"
    )


@pytest.mark.parametrize(("ratio", "warned"), [(2.9, False), (3.1, True)])
def test_fewer_than_two_in_a_batch_are_warned_of(lines: Callable[..., list[str]], ratio: float, warned: bool) -> None:
    # A batch of 8 holds 8 / 3.9 = 2.05 or 8 / 4.1 = 1.95.
    assert bool(lines(imbalance=WEIGHTED | {"ratios": (ratio,)})) == warned


def test_the_rarest_of_several_minority_classes_counts(make_spec: Callable[..., StudySpec], table: TextTable) -> None:
    plan = make_plan(make_spec(imbalance=WEIGHTED, search={}))
    data = replace(data_of(plan, table), minority=(0, 1))
    (line,) = cautions(plan, data)
    assert "1.3 minority examples on average (spsa-r5, zosa-r5)" in line


@pytest.mark.parametrize(
    "changed",
    [
        {"imbalance": WEIGHTED | {"sampler": "stratified"}},
        {"imbalance": WEIGHTED | {"class_weights": "none"}},
        {"imbalance": WEIGHTED, "budget": {"queries": 60, "batch_size": 12}},
        {"imbalance": WEIGHTED, "methods": ({"label": "a", "algorithm": "zosa", "options": {"objective": "auc"}},)},
    ],
)
def test_stratified_large_and_unweighted_batches_are_not(lines: Callable[..., list[str]], changed: Any) -> None:
    assert lines(**changed) == []


def test_weights_that_are_only_searched_are_warned_of_too(lines: Callable[..., list[str]]) -> None:
    space = {"imbalance.class_weights": {"choice": ("none", "balanced")}, "subspace_dim": {"choice": (5, 10)}}
    natural = {name: WEIGHTED[name] for name in WEIGHTED if name != "class_weights"}
    (line,) = lines(search={"trials": 2, "space": space}, imbalance=natural)
    assert "1.3 minority examples on average (spsa-r5, zosa-r5)" in line
    stratified = space | {"imbalance.sampler": {"choice": ("stratified",)}}
    assert lines(search={"trials": 2, "space": stratified}) == []


def test_the_expected_number_is_what_batches_hold(make_spec: Callable[..., StudySpec], table: TextTable) -> None:
    plan = make_plan(make_spec(imbalance=WEIGHTED, search={}))
    data = data_of(plan, table)
    cell = next(cell for cell in plan.cells if cell.name == "spsa-r5")
    sampler = make_sampler(set_up(plan.spec, plan.assign(cell, "confirm", 0, {}), data).context)
    held = [np.count_nonzero(data.labels[sampler.batch(step)] == 1) for step in range(300)]
    assert np.mean(held) == pytest.approx(8 / 6, abs=0.05)


def test_a_method_that_is_not_searched_is_named(lines: Callable[..., list[str]]) -> None:
    (line,) = lines(search={"trials": 2, "space": {"sharpness_radius": {"low": 0.1, "high": 1.0}}})
    assert line.startswith("not searched: spsa; search.space has no option that they leave open")
    (line,) = lines(search={"trials": 2}, methods=({"label": "untuned", "algorithm": "untuned"},))
    assert line.startswith("search.trials: no method of this study has anything to search")


@pytest.mark.parametrize(
    ("seeds", "p_threshold", "said"), [(3, 0.1, 1), (4, 0.1, 1), (5, 0.1, 0), (3, 0.3, 0), (3, 0, 0)]
)
def test_a_threshold_that_can_drop_no_seed_is_said(
    lines: Callable[..., list[str]], seeds: int, p_threshold: float, said: int
) -> None:
    space = {"subspace_dim": {"choice": (5, 10)}}
    found = lines(search={"trials": 2, "seeds": seeds, "p_threshold": p_threshold, "space": space})
    assert len(found) == said
    assert not said or f"so all {seeds} seeds run; above {2.0 ** (1 - seeds):g} it can" in found[0]
