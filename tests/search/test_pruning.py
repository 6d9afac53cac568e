"""The rules, against Optuna's own pruners on the same curves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.pruners import MedianPruner, SuccessiveHalvingPruner
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from zostudy.config.search import BudgetSpec
from zostudy.config.study import StudySpec
from zostudy.results.storage import Storage
from zostudy.results.trial_row import TrialRow
from zostudy.search.journal import JOURNAL_FILE, Journal
from zostudy.search.plan import make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.proposer import SearchResult, frozen_trial
from zostudy.search.pruning import PASSES, Pruner, best_so_far

# Few values, so that many are equal; a trial that fails at an evaluation leaves its curve up to there.
CURVES = st.integers(2, 12).flatmap(
    lambda n: st.lists(
        st.tuples(
            st.lists(st.sampled_from([0.4, 0.5, 0.6, 0.65, 0.7, 0.9]), min_size=n, max_size=n),
            st.none() | st.none() | st.integers(0, n - 1),
        ),
        min_size=1,
        max_size=30,
    )
)


@pytest.mark.parametrize(
    ("rule", "make_pruner"),
    [
        ("asha", lambda startup: SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)),
        ("median", lambda startup: MedianPruner(n_startup_trials=startup)),
    ],
)
@settings(max_examples=60, deadline=None)
@given(trials=CURVES, startup=st.integers(1, 5))
def test_trials_are_stopped_where_optuna_would_stop_them(
    make_spec: Callable[..., StudySpec], rule: str, make_pruner: Callable[[int], Any], trials: Any, startup: int
) -> None:
    n = len(trials[0][0])
    spec = make_spec(
        budget={"queries": 10 * n, "evaluations": n, "batch_size": 8},
        search={"trials": 30, "pruning": rule, "startup_trials": startup},
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", pruner=make_pruner(startup))
    pruner, told = Pruner(spec), list[SearchResult]()
    for values, failed_at in trials:
        best = np.maximum.accumulate(values).tolist()
        curve = {10.0 * k: value for k, value in enumerate(best, start=1)}
        if failed_at is not None:  # to Optuna a trial that failed before it could report
            told.append(SearchResult({}, None, dict(list(curve.items())[:failed_at])))
            study.tell(study.ask(), state=TrialState.FAIL)
            continue
        asked = study.ask()
        limits = pruner.thresholds(told)
        stopped = next((k for k, limit in enumerate(limits, start=1) if best[k - 1] < limit), None)
        assert stopped == next((k for k in range(1, n) if _optuna_stops(asked, best[k - 1], k)), None)
        if stopped is None:
            asked.report(best[-1], n)
        study.tell(asked, best[-1] if stopped is None else None, TrialState.PRUNED if stopped else TrialState.COMPLETE)
        reached = dict(list(curve.items())[:stopped])
        told.append(SearchResult({}, [*reached.values()][-1], reached, pruned=stopped is not None))


RESULTS = st.lists(
    st.builds(
        lambda values, scored, pruned: SearchResult(
            {},
            values[-1] if values and scored else None,
            dict(zip((20.0, 40.0, 60.0), values, strict=False)),
            pruned and len(values) < 3,
        ),
        st.lists(st.sampled_from([0.1, 0.3, 0.6, 0.7]) | st.floats(0, 1), max_size=3),
        st.booleans(),
        st.booleans(),
    ).filter(lambda result: len(result.curve) == 3 or not result.complete),
    max_size=40,
)


@pytest.mark.parametrize("rule", ["none", "asha", "median"])
@settings(max_examples=60, deadline=None)
@given(results=RESULTS, stops=st.lists(st.integers(0, 40), max_size=12))
def test_values_kept_in_order_give_the_thresholds_of_all_results_sorted(
    make_spec: Callable[..., StudySpec], rule: str, results: list[SearchResult], stops: list[int]
) -> None:
    spec = make_spec(search={"trials": 40, "pruning": rule, "startup_trials": 3})
    pruner = Pruner(spec)
    for stop in (*sorted(stops), *stops):  # mostly a trial is told more than the one before
        told = results[:stop]
        assert pruner.thresholds(told) == (() if rule == "none" else tuple(_plainly(rule, told, k) for k in (1, 2)))


def _plainly(rule: str, told: list[SearchResult], number: int) -> float:
    """Returns a threshold from all results."""
    counted = [each for each in told if (each.complete if rule == "median" else each.dev_auc is not None)]
    values = [each.curve[20.0 * number] for each in counted if 20.0 * number in each.curve]
    if rule == "median":
        return float(np.percentile(values, 50)) if len(values) >= 3 else PASSES
    best_first = sorted(values, reverse=True)
    return best_first[max(1, (len(values) + 1) // 3) - 1] if values and number == 1 else PASSES


def _optuna_stops(trial: optuna.Trial, value: float, evaluation: int) -> bool:
    trial.report(value, evaluation)
    return trial.should_prune()


def test_the_first_trial_that_does_not_fail_passes_everywhere(make_spec: Callable[..., StudySpec]) -> None:
    failed = [SearchResult({}, None, {20.0: 0.99, 40.0: 0.99})] * 9
    for rule in ("asha", "median"):
        spec = make_spec(search={"trials": 10, "pruning": rule, "startup_trials": 1})
        assert Pruner(spec).thresholds(failed) == (PASSES, PASSES)


def test_without_a_rule_there_is_no_threshold(make_spec: Callable[..., StudySpec]) -> None:
    assert Pruner(make_spec()).thresholds([SearchResult({}, 0.9, {20.0: 0.5, 40.0: 0.7, 60.0: 0.9})] * 9) == ()


def test_the_rungs_are_evaluations_1_3_9(make_spec: Callable[..., StudySpec]) -> None:
    spec = make_spec(
        budget={"queries": 100, "evaluations": 10, "batch_size": 8}, search={"trials": 9, "pruning": "asha"}
    )
    told = [SearchResult({}, 0.9, {10.0 * k: 0.9 for k in range(1, 11)})]
    limits = Pruner(spec).thresholds(told)
    assert [k for k, limit in enumerate(limits, start=1) if limit > PASSES] == [1, 3, 9]


def test_a_curve_holds_the_best_so_far_where_each_place_was_first_passed() -> None:
    budget = BudgetSpec(queries=100, evaluations=5)  # at 20, 40, 60, 80, 100
    nan = np.nan
    history = {
        "queries": np.array([0, 15, 30, 45, 90, 96]),
        "dev_auc": np.array([0.6, nan, 0.5, 0.7, 0.65, 0.8]),
    }
    reached = {20.0: 0.6, 40.0: 0.7, 60.0: 0.7, 80.0: 0.7}
    assert best_so_far(budget, history, whole=False) == reached
    assert best_so_far(budget, history, whole=True) == reached | {100.0: 0.8}
    assert best_so_far(budget, {}, whole=False) == {}
    start = {name: values[:1] for name, values in history.items()}
    assert best_so_far(budget, start, whole=False) == {}


def test_a_pruned_trial_is_pruned_to_optuna_with_its_steps_in_queries(make_spec: Callable[..., StudySpec]) -> None:
    cell = make_plan(make_spec()).cells[0]
    pruned = frozen_trial(SearchResult({}, 0.6, {2.5: 0.5, 5.0: 0.6}, pruned=True), cell)
    complete = frozen_trial(SearchResult({}, 0.7, {2.5: 0.7}), cell)
    failed = frozen_trial(SearchResult({}, None, {2.5: 0.7}), cell)
    assert [trial.state for trial in (pruned, complete, failed)] == [
        TrialState.PRUNED,
        TrialState.COMPLETE,
        TrialState.FAIL,
    ]
    assert (pruned.value, pruned.intermediate_values) == (0.6, {3: 0.5, 5: 0.6})
    assert complete.intermediate_values == {3: 0.7}


def test_the_journal_says_pruned_and_holds_the_curves(
    make_spec: Callable[..., StudySpec], make_row: Callable[..., TrialRow], tmp_path: Path
) -> None:
    progress = StudyProgress(make_plan(make_spec()), [])
    cell = progress.cells["spsa-r1"]
    curve = {"queries": np.array([0, 20, 40]), "dev_auc": np.array([0.5, 0.4, 0.6])}
    for number, status in enumerate(("complete", "pruned")):
        assignment = cell.next()
        assert assignment is not None
        named = {"trial": assignment.name, "cell": assignment.cell, "stage": "search", "params": assignment.params}
        cell.record(make_row(**named, number=number, status=status, dev_auc=0.6), curve)
    with Journal(Storage.at(tmp_path), progress, pytest.fail):
        storage = JournalStorage(JournalFileBackend(str(tmp_path / JOURNAL_FILE)))
        complete, pruned = optuna.load_study(study_name="smooth/spsa-r1", storage=storage).trials
    assert (complete.state, pruned.state) == (TrialState.COMPLETE, TrialState.PRUNED)
    assert (pruned.value, pruned.intermediate_values) == (0.6, {20: 0.5, 40: 0.6})
    assert complete.intermediate_values == {20: 0.5, 40: 0.6, 60: 0.6}
