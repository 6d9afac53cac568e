from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.config.study import StudySpec
from zostudy.results.trial_row import TrialRow
from zostudy.search.cell_progress import CellProgress, best_of
from zostudy.search.plan import Assignment, Plan, make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.proposer import SearchResult
from zostudy.search.pruning import Evaluations


@pytest.fixture(scope="module", params=["none", "asha", "median"])
def plan(request: pytest.FixtureRequest, make_spec: Callable[..., StudySpec]) -> Plan:
    """With every rule; 20 queries between evaluations."""
    search = make_spec().search.model_copy(update={"pruning": request.param})
    return make_plan(make_spec(search=search))


def radius_of(params: Mapping[str, Any]) -> float:
    return float(params.get("perturbation_radius", 0.5))


def evaluations(row: TrialRow) -> Evaluations:
    """The curve that belongs to a row of ``outcome``: straight to its dev AUC at 60 queries, as far as it came."""
    n, would_be = row.queries // 20, 1 - abs(radius_of(row.params) - 0.2)
    return {"queries": 20 * np.arange(n + 1), "dev_auc": would_be * np.arange(1, n + 2) / 4}


@pytest.fixture(scope="module", autouse=True)
def _rows(make_row: Callable[..., TrialRow]) -> None:
    global blank
    blank = make_row(queries=60)


blank: TrialRow


def outcome(assignment: Assignment) -> TrialRow:
    """A dev AUC that depends on what was tried, and now and then a failure."""
    radius = radius_of(assignment.params)
    named: dict[str, Any] = {
        "trial": assignment.name,
        "cell": assignment.cell,
        "stage": assignment.stage,
        "algorithm": "spsa",
    }
    row = replace(blank, **named, number=assignment.number, params=dict(assignment.params))
    if assignment.stage == "search" and 0.4 < radius < 0.5:
        return replace(row, status="failed", queries=40)
    curve = evaluations(row)["dev_auc"][1:]
    for number, limit in enumerate(assignment.thresholds):
        if curve[number] < limit:
            return replace(row, dev_auc=curve[number], status="pruned", queries=20 * (number + 1))
    return replace(row, dev_auc=1 - abs(radius - 0.2))


def test_the_progress_keeps_no_latent(plan: Plan) -> None:
    progress = StudyProgress(plan, ())
    assignment = progress.next()
    assert assignment is not None
    row = replace(outcome(assignment), latent=(0.5,) * 100)
    progress.record(row, evaluations(row))
    [kept] = progress.cells[assignment.cell].rows
    assert kept == replace(row, latent=None)


def run(
    plan: Plan, workers: int, seed: int, stop_after: int | None = None, stored: Sequence[TrialRow] = ()
) -> list[TrialRow]:
    """Runs a study whose trials end in a random order on some workers; stops as a crash would."""
    order = random.Random(seed)
    progress = StudyProgress(plan, stored, {row.trial: evaluations(row) for row in stored})
    running: list[Assignment] = []
    rows = list(stored)
    while not progress.done:
        while len(running) < workers and (assignment := progress.next()) is not None:
            running.append(assignment)
        row = outcome(running.pop(order.randrange(len(running))))
        progress.record(row, evaluations(row))
        check_counts(progress.cells[row.cell])
        rows.append(row)
        if stop_after is not None and len(rows) - len(stored) >= stop_after:
            break
    return sorted({row.trial: row for row in rows}.values(), key=lambda row: row.trial)


def check_counts(cell: CellProgress) -> None:
    """Holds what is counted as trials end against the rows."""
    stages = [row.stage for row in cell.rows]
    assert (cell.n_searched, cell.n_confirmed) == (stages.count("search"), stages.count("confirm"))
    assert cell.n_finished == len(cell.rows)
    ended = next(found for n in range(cell.cell.n_search, -1, -1) if (found := cell.search_results(n)) is not None)
    confirmed = [row.dev_auc for row in cell.rows if row.stage == "confirm" and row.dev_auc is not None]
    best = best_of(ended)
    assert cell.dev_auc == (fmean(confirmed) if confirmed else None if best is None else ended[best].dev_auc)


@pytest.fixture(scope="module")
def in_order(plan: Plan) -> list[TrialRow]:
    """What one worker does, a trial after the other."""
    return run(plan, 1, 0)


@pytest.mark.slow
@settings(max_examples=8)
@given(workers=st.integers(1, 9), seed=st.integers(0, 1000))
def test_neither_workers_nor_the_order_of_ends_change_what_is_tried(
    plan: Plan, in_order: list[TrialRow], workers: int, seed: int
) -> None:
    rows = run(plan, workers, seed)
    assert len(rows) == plan.n_trials
    assert rows == in_order


@pytest.mark.slow
@settings(max_examples=6)
@given(workers=st.integers(1, 6), seed=st.integers(0, 1000), stop_after=st.integers(1, 25))
def test_a_resumed_study_equals_one_never_stopped(
    plan: Plan, in_order: list[TrialRow], workers: int, seed: int, stop_after: int
) -> None:
    stored = run(plan, workers, seed, stop_after)
    assert run(plan, workers, seed + 1, stored=stored) == in_order


def record(cell: CellProgress, row: TrialRow) -> None:
    cell.record(row, evaluations(row))


def test_trial_n_waits_for_n_minus_lag_and_for_no_later_one(plan: Plan) -> None:
    cell = StudyProgress(plan, []).cells["spsa-r1"]
    first, second = cell.next(), cell.next()
    assert first is not None
    assert second is not None
    assert (first.number, second.number, cell.next()) == (0, 1, None)
    record(cell, outcome(second))
    assert cell.next() is None
    record(cell, outcome(first))
    third = cell.next()
    assert third is not None
    assert third.number == 2


def test_confirm_begins_when_the_search_of_its_cell_has_ended_with_its_best(plan: Plan) -> None:
    progress = StudyProgress(plan, [])
    cell = progress.cells["zosa-r5"]
    rows = []
    while (assignment := cell.next()) is not None and assignment.stage == "search":
        rows.append(outcome(assignment))
        record(cell, rows[-1])
    best = max((row for row in rows if row.status == "complete"), key=lambda row: row.dev_auc or 0.0)
    assert len(rows) == 5
    assert assignment is not None
    assert (assignment.stage, assignment.params) == ("confirm", best.params)


def test_a_cells_dev_auc_is_of_its_best_configuration_and_then_the_mean_of_its_seeds(plan: Plan) -> None:
    cell = StudyProgress(plan, []).cells["zosa-r5"]
    searched: list[float] = []
    confirmed: list[float] = []
    while (assignment := cell.next()) is not None:
        auc = 0.5 + 0.05 * (assignment.number % 3)
        row = replace(outcome(assignment), dev_auc=auc, status="complete")
        record(cell, row)
        (searched if row.stage == "search" else confirmed).append(auc)
        assert cell.dev_auc == pytest.approx(fmean(confirmed) if confirmed else max(searched))
    assert 0.5 < (cell.dev_auc or 0.0) < 0.6 == max(searched)


def test_the_earliest_of_equals_is_best() -> None:
    results = [SearchResult({"x": 0}, None), SearchResult({"x": 1}, 0.9), SearchResult({"x": 2}, 0.9)]
    assert best_of(results) == 1


def test_what_failed_or_was_pruned_is_never_best() -> None:
    pruned = SearchResult({"x": 1}, 0.9, pruned=True)
    assert best_of([pruned, SearchResult({"x": 2}, 0.8)]) == 1
    assert best_of([SearchResult({"x": 0}, None), pruned]) is None


def test_a_cell_whose_every_search_trial_failed_is_not_confirmed(plan: Plan) -> None:
    cell = StudyProgress(plan, []).cells["spsa-r1"]
    while (assignment := cell.next()) is not None:
        record(cell, replace(outcome(assignment), dev_auc=None, status="failed"))
    assert cell.abandoned
    assert cell.n_finished == cell.n_trials == 5


@pytest.mark.slow
def test_rules_stop_trials_and_count_them(plan: Plan) -> None:
    longer = grown(plan, trials=10)
    rows = run(longer, 3, 1)
    progress = StudyProgress(longer, rows, {row.trial: evaluations(row) for row in rows})
    assert progress.done
    assert bool(progress.pruned) == (plan.spec.search.pruning != "none")
    assert all(row.stage == "search" and row.queries < 60 for row in progress.pruned)
    assert not {row.trial for row in progress.pruned} & {row.trial for row in progress.failed}


def grown(plan: Plan, **search: int) -> Plan:
    spec = plan.spec
    longer = spec.search.model_copy(update={"trials": spec.search.trials + search.get("trials", 0)})
    seeds = spec.confirm.model_copy(update={"seeds": spec.confirm.seeds + search.get("seeds", 0)})
    return make_plan(spec.model_copy(update={"search": longer, "confirm": seeds}))


@pytest.mark.slow
@settings(max_examples=5)
@given(trials=st.integers(0, 9), seeds=st.integers(0, 3), stop_after=st.none() | st.integers(1, 25))
def test_an_extended_study_ends_as_if_it_had_been_asked_for_at_once(
    plan: Plan, trials: int, seeds: int, stop_after: int | None
) -> None:
    longer = grown(plan, trials=trials, seeds=seeds)
    stored = run(plan, 3, 1, stop_after)
    extended = {row.trial: row for row in run(longer, 2, 5, stored=stored)}
    at_once = {row.trial: row for row in run(longer, 1, 0)}
    assert extended == at_once


def test_a_confirm_trial_of_what_is_no_longer_best_runs_again(plan: Plan) -> None:
    stored = run(plan, 1, 0)
    cell = StudyProgress(grown(plan, trials=1), stored, {row.trial: evaluations(row) for row in stored}).cells[
        "zosa-r5"
    ]
    assert not any(row.stage == "confirm" for row in cell.rows)
    sixth = cell.next()
    assert sixth is not None
    better = replace(outcome(sixth), dev_auc=2.0, status="complete")
    record(cell, better)
    again = cell.next()
    assert again is not None
    assert (again.stage, again.number, again.params) == ("confirm", 0, better.params)
