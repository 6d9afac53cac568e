"""Configurations judged on several seeds: the rule against Optuna's own pruner, and progress free of timing."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from optuna.pruners import WilcoxonPruner
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from scipy.stats import wilcoxon

from zostudy.cluster.micro_batches import Scorer
from zostudy.cluster.pool import LocalPool
from zostudy.config.search import SearchSpec
from zostudy.config.study import StudySpec
from zostudy.results.completeness import JUDGED_BY, outdated
from zostudy.results.storage import Storage
from zostudy.results.trial_row import TrialRow
from zostudy.search.cell_progress import best_of
from zostudy.search.journal import JOURNAL_FILE, Journal
from zostudy.search.plan import Assignment, Plan, make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.proposer import SearchResult, frozen_trial
from zostudy.search.run_trial import run_trial
from zostudy.search.seeds import due_seeds, is_worse, mean_result, seeds_before_test
from zostudy.search.setup import StudyData
from zostudy.tasks.imbalance import draw
from zostudy.tasks.table import TextTable

# Few values, so that many differences are equal or zero; None is a seed that fails.
DEV_AUCS = st.sampled_from([0.4, 0.5, 0.6, 0.65, 0.7, 0.9])
TABLES = st.integers(2, 9).flatmap(
    lambda n: st.lists(st.lists(DEV_AUCS | DEV_AUCS | st.floats(0, 1), min_size=n, max_size=n), min_size=1, max_size=9)
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@settings(max_examples=20)
@given(table=TABLES, p_threshold=st.sampled_from([0.0, 0.05, 0.1, 0.125, 0.2, 0.25, 0.3, 0.5, 1.0]))
@example(table=[[0.9, 0.9, 0.9], [0.4, 0.4, 0.4]], p_threshold=0.3)
@example(table=[[0.5] * 4, [0.5] * 4], p_threshold=1.0)
@example(table=[[0.9, 0.9, 0.9, 0.1], [0.8, 0.8, 0.8, 0.8]], p_threshold=0.2)
@example(table=[[0.25, 0.25, 0.5, 0.75, 0.75, 0.75], [0.375, 0.375, 0.5, 0.5, 0.5, 0.5]], p_threshold=0.3)  # a zero
@example(
    table=[[2 / 8, 3 / 8, 2 / 8, 3 / 8, 6 / 8, 4 / 8], [4 / 8, 4 / 8, 2 / 8, 1 / 8, 1 / 8, 4 / 8]], p_threshold=0.4
)
@example(
    table=[[3 / 8, 5 / 8, 6 / 8, 1 / 8, 4 / 8, 1 / 8], [2 / 8, 4 / 8, 4 / 8, 6 / 8, 5 / 8, 1 / 8]], p_threshold=0.2
)
def test_seeds_are_dropped_where_optuna_would_stop(table: list[list[float]], p_threshold: float) -> None:
    search = SearchSpec(seeds=len(table[0]), p_threshold=p_threshold)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = WilcoxonPruner(p_threshold=p_threshold)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    told: list[SearchResult] = []
    for values in table:
        asked, n_optuna = study.ask(), 0
        for seed, value in enumerate(values):
            asked.report(value, seed)
            n_optuna += 1
            if asked.should_prune():
                break
        best = best_of(told)
        n_ours = ran(search, [] if best is None else floats(told[best]), values)
        assert n_ours == n_optuna
        told.append(mean_result([SearchResult({}, value) for value in values[:n_ours]]))
        study.tell(asked, told[-1].dev_auc)
        assert best_of(told) == study.best_trial.number


def ran(search: SearchSpec, best: Sequence[float], values: Sequence[float | None]) -> int:
    """How many seeds run if their values become known one after the other."""
    n = 0
    while n < due_seeds(search, best, values[:n]):
        n += 1
    return n


def floats(result: SearchResult) -> list[float]:
    return [value for value in result.seeds if value is not None]


@settings(max_examples=40)
@given(table=TABLES, p_threshold=st.sampled_from([0.1, 0.2, 0.3, 1.0]))
def test_what_was_dropped_is_never_the_best(table: list[list[float]], p_threshold: float) -> None:
    search = SearchSpec(seeds=len(table[0]), p_threshold=p_threshold)
    told: list[SearchResult] = []
    for values in table:
        best = best_of(told)
        n = ran(search, [] if best is None else floats(told[best]), values)
        told.append(mean_result([SearchResult({}, value) for value in values[:n]]))
        best = best_of(told)
        assert best is not None
        assert told[best].n_trials == search.seeds


@pytest.mark.slow
@given(n=st.integers(2, 9), seed=st.integers(0, 200), step=st.sampled_from([0.0, 0.1]))
def test_n_pairs_have_no_p_below_two_to_the_minus_n(n: int, seed: int, step: float) -> None:
    differences = np.random.default_rng(seed).normal(size=n)
    if step:  # with ties and zeros
        differences = np.round(differences / step) * step
    assume(differences.any())
    p = wilcoxon(differences, alternative="less", zero_method="zsplit").pvalue
    assert p >= 2.0**-n * (1 - 1e-12)


@pytest.mark.parametrize(("p_threshold", "n"), [(0.1, 4), (0.125, 4), (0.13, 3), (0.25, 3), (0.3, 2), (1.0, 2)])
def test_the_first_look_is_the_first_that_can_drop(p_threshold: float, n: int) -> None:
    assert seeds_before_test(p_threshold) == n
    assert is_worse(worst(n), [0.9] * 9, p_threshold)
    assert n == 2 or not is_worse(worst(n - 1), [0.9] * 9, p_threshold)


def worst(n: int) -> list[float]:
    return [0.1 + 0.01 * seed for seed in range(n)]


def test_without_a_threshold_or_a_best_every_seed_runs() -> None:
    assert seeds_before_test(0) == float("inf")
    assert ran(SearchSpec(seeds=9, p_threshold=0), [0.9] * 9, worst(9)) == 9
    assert ran(SearchSpec(seeds=9, p_threshold=1.0), [], worst(9)) == 9
    assert ran(SearchSpec(seeds=1, p_threshold=1.0), [0.9], [0.1]) == 1


def test_a_failed_seed_ends_its_configuration_at_the_next_look() -> None:
    search = SearchSpec(seeds=6, p_threshold=0.1)
    assert ran(search, [0.5] * 6, [None, 0.9, 0.9, 0.9, 0.9, 0.9]) == 4
    assert ran(search, [0.5] * 6, [0.9, 0.9, 0.9, 0.9, None, 0.9]) == 5
    assert mean_result([SearchResult({}, 0.9), SearchResult({}, None)]).dev_auc is None


# Progress, on a made-up dev AUC.

RADIUS = {"perturbation_radius": {"low": 0.01, "high": 1.0, "log": True}}


@pytest.fixture(scope="module", autouse=True)
def _rows(make_row: Callable[..., TrialRow]) -> None:
    global blank
    blank = make_row(queries=60, budget=60)


blank: TrialRow


@pytest.fixture(scope="module")
def seeded_plan(make_spec: Callable[..., StudySpec]) -> Callable[..., Plan]:
    def plan(**search: Any) -> Plan:
        return make_plan(make_spec(search={"trials": 7, "startup_trials": 2, "space": RADIUS} | search))

    return plan


def outcome(assignment: Assignment) -> TrialRow:
    """A dev AUC that depends on what was tried and on the seed, and now and then a failure."""
    radius = float(assignment.params.get("perturbation_radius", 0.5))
    luck = 0.05 * np.random.default_rng(assignment.noise_seed).normal()
    named: dict[str, Any] = {
        "trial": assignment.name,
        "cell": assignment.cell,
        "stage": assignment.stage,
        "number": assignment.number,
        "algorithm": "spsa",
        "params": dict(assignment.params),
    }
    if assignment.stage == "search":
        named["search_seed"] = assignment.search_seed
    if assignment.stage == "search" and 0.4 < radius < 0.5 and assignment.search_seed == 1:
        return replace(blank, **named, status="failed")
    return replace(blank, **named, dev_auc=1 - abs(radius - 0.2) + luck)


def run(
    plan: Plan, workers: int, order: int, stop_after: int | None = None, stored: Sequence[TrialRow] = ()
) -> list[TrialRow]:
    """Runs a study whose trials end in a random order on some workers; stops as a crash would."""
    draw = random.Random(order)
    progress = StudyProgress(plan, stored)
    running: list[Assignment] = []
    rows = list(stored)
    while not progress.done:
        while len(running) < workers and (assignment := progress.next()) is not None:
            running.append(assignment)
        row = outcome(running.pop(draw.randrange(len(running))))
        progress.record(row, {})
        assert progress.n_finished == sum(len(cell.rows) for cell in progress.cells.values())
        rows.append(row)
        if stop_after is not None and len(rows) - len(stored) >= stop_after:
            break
    return sorted({row.trial: row for row in rows}.values(), key=lambda row: row.trial)


SETTINGS = st.sampled_from([(2, 0.1), (3, 0.3), (5, 0.1), (6, 0.3)])


@pytest.mark.slow
@settings(max_examples=8)
@given(setting=SETTINGS, workers=st.integers(1, 20), order=st.integers(0, 1000), stop_after=st.integers(1, 90))
def test_neither_workers_nor_a_kill_change_what_is_tried(
    seeded_plan: Callable[..., Plan], setting: tuple[int, float], workers: int, order: int, stop_after: int
) -> None:
    plan = seeded_plan(seeds=setting[0], p_threshold=setting[1], trials=5)
    killed = run(plan, workers, order, stop_after)
    assert run(plan, workers, order + 1, stored=killed) == run(plan, 1, 0)


def test_seeds_are_lost_counted_and_nothing_else_is_spent(seeded_plan: Callable[..., Plan]) -> None:
    plan = seeded_plan(seeds=6, p_threshold=0.3, trials=12)
    rows = run(plan, 4, 1)
    progress = StudyProgress(plan, rows)
    search = [row for row in rows if row.stage == "search"]
    assert progress.done
    assert 0 < progress.n_lost < 4 * 12 * 6
    assert len(search) == 4 * 12 * 6 - progress.n_lost
    assert {row.queries for row in search} == {plan.spec.budget.queries}
    for cell in progress.cells.values():
        assert cell.n_finished == cell.n_trials


def test_seeds_of_a_configuration_run_side_by_side_up_to_a_decision(seeded_plan: Callable[..., Plan]) -> None:
    plan = seeded_plan(seeds=6, p_threshold=0.1, lag=1)
    cell = StudyProgress(plan, []).cells["spsa-r1"]
    first = started(cell)
    assert [assignment.name for assignment in first] == [
        "spsa-r1-search-000",
        *(f"spsa-r1-search-000-seed-{seed}" for seed in range(1, 6)),
    ]
    for assignment in first:
        cell.record(replace(outcome(assignment), dev_auc=0.9, status="complete"), {})
    second = started(cell)
    assert [(assignment.number, assignment.search_seed) for assignment in second] == [(1, seed) for seed in range(4)]
    for assignment in second:
        cell.record(replace(outcome(assignment), dev_auc=0.5, status="complete"), {})
    assert (cell.n_lost, {assignment.number for assignment in started(cell)}) == (2, {2})


def started(cell: Any) -> list[Assignment]:
    return list(iter(cell.next, None))


def test_a_seed_is_the_same_for_all_configurations_and_cells_and_of_no_confirm_trial(
    seeded_plan: Callable[..., Plan],
) -> None:
    plan = seeded_plan(seeds=3)
    searched = [cell for cell in plan.cells if cell.n_search]
    of_seed = [[assign(plan, cell, n, seed) for cell in searched for n in range(7)] for seed in range(3)]
    starts = [{each.seed for each in trials} for trials in of_seed]
    noise = [{each.noise_seed for each in trials} for trials in of_seed]
    assert [len(seeds) for seeds in starts] == [1, 1, 1]
    assert [len(seeds) for seeds in noise] == [7, 1, 1]  # on seed 0 each configuration has batches of its own
    assert (len(set.union(*starts)), len(set.union(*noise))) == (3, 9)
    confirm = [plan.assign(plan.cells[0], "confirm", n, {}) for n in range(9)]
    assert not set.union(*starts) & {each.seed for each in confirm}
    assert not set.union(*noise) & {each.noise_seed for each in confirm}
    assert set.union(*starts) <= {plan.seed(k) for k in plan.replicates}


def assign(plan: Plan, cell: Any, number: int, seed: int) -> Assignment:
    return plan.assign(cell, "search", number, {}, search_seed=seed)


def test_a_search_of_one_seed_is_what_it_was_before_there_were_seeds(seeded_plan: Callable[..., Plan]) -> None:
    plan = seeded_plan()
    first, second = (plan.assign(plan.cells[0], "search", n, {}) for n in range(2))
    assert first.seed == second.seed
    assert first.noise_seed != second.noise_seed
    assert [first.name, second.name] == ["spsa-r1-search-000", "spsa-r1-search-001"]
    # Of the study seed 0, as stored results have them.
    assert (first.seed, first.noise_seed, second.noise_seed) == (774573051, 316127804, 780008922)


@settings(max_examples=5)
@given(before=st.integers(1, 4), stop_after=st.none() | st.integers(1, 60), again=st.integers(1, 60))
def test_a_search_may_grow_in_seeds(
    seeded_plan: Callable[..., Plan], before: int, stop_after: int | None, again: int
) -> None:
    stored = run(seeded_plan(seeds=before, p_threshold=0.3, trials=5), 3, 1, stop_after)
    plan = seeded_plan(seeds=6, p_threshold=0.3, trials=5)
    grown = run(plan, 2, 5, stored=stored)
    assert StudyProgress(plan, grown).done
    by_name = {row.trial: row for row in grown}
    assert [by_name[row.trial] for row in stored if row.stage == "search"] == [
        row for row in stored if row.stage == "search"
    ]
    killed = run(plan, 5, 7, again, stored=stored)
    assert run(plan, 1, 0, stored=killed) == grown


def test_a_seed_that_a_grown_search_does_not_need_any_more_does_not_count(seeded_plan: Callable[..., Plan]) -> None:
    def grown_to(seeds: int, stored: Sequence[TrialRow]) -> Any:
        plan = seeded_plan(seeds=seeds, p_threshold=0.3, lag=1, trials=2)
        cell = StudyProgress(plan, stored).cells["spsa-r1"]
        while (assignment := cell.next()) is not None and assignment.stage == "search":
            dev_auc = dev_aucs_of_seeds[assignment.number][assignment.search_seed]
            cell.record(replace(outcome(assignment), dev_auc=dev_auc, status="complete"), {})
        return cell

    dev_aucs_of_seeds = [[0.6, 0.6, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5]]
    before = grown_to(3, [])
    assert len(before.rows) == 6  # means of 0.4 and 0.5: the second keeps its seeds
    after = grown_to(4, before.rows)
    assert {row.trial for row in before.rows} - {row.trial for row in after.rows} == {"spsa-r1-search-001-seed-2"}
    assert (len(after.rows), after.n_lost, after.n_search_trials) == (6, 2, 6)


@pytest.mark.parametrize("before", [1, 2, 4])
def test_a_grown_search_is_one_that_was_asked_for_at_once_where_no_proposal_hangs_on_it(
    seeded_plan: Callable[..., Plan], before: int
) -> None:
    search = {"p_threshold": 0.3, "sampler": "random", "trials": 5}
    plan = seeded_plan(seeds=6, **search)
    grown = run(plan, 2, 5, stored=run(seeded_plan(seeds=before, **search), 3, 1))
    counted = {row.trial: row for cell in StudyProgress(plan, grown).cells.values() for row in cell.rows}
    assert counted == {row.trial: row for row in run(plan, 1, 0)}


def test_the_configuration_with_the_best_mean_is_confirmed_and_readers_agree(
    seeded_plan: Callable[..., Plan],
) -> None:
    plan = seeded_plan(seeds=3, p_threshold=0.3)
    rows = run(plan, 4, 2)
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) if name != "params" else json.dumps(dict(row.params)) for row in rows]
        for name in JUDGED_BY
    }
    assert not any(outdated(columns))
    for cell in (cell for cell in plan.cells if cell.n_search):
        confirm = [row for row in rows if row.cell == cell.name and row.stage == "confirm"]
        means = {
            number: np.mean(seeds)
            for number in range(7)
            if len(seeds := dev_aucs(rows, cell.name, number)) == 3 and None not in seeds
        }
        best = max(means, key=lambda number: means[number])
        of_best = next(r for r in rows if (r.cell, r.stage, r.number) == (cell.name, "search", best))
        assert [row.params for row in confirm] == [of_best.params] * 2


def dev_aucs(rows: Sequence[TrialRow], cell: str, number: int) -> list[Any]:
    return [row.dev_auc for row in rows if (row.cell, row.stage, row.number) == (cell, "search", number)]


@pytest.mark.slow
def test_trials_of_a_seed_start_alike_and_say_which_it_was(
    seeded_plan: Callable[..., Plan], table: TextTable, scorer: Scorer
) -> None:
    plan = seeded_plan(trials=3, seeds=3, p_threshold=0.0)
    draws = {
        (ratio, plan.seed(k)): draw(table, (1,), plan.spec.imbalance, asked, plan.seed(k))
        for ratio, asked in plan.ratios.items()
        for k in plan.replicates
    }
    data = StudyData(table.labels, 2, (1,), draws, {"zostudy": "0"})
    progress = StudyProgress(plan, [])
    starts: dict[int | None, set[float]] = {}
    while (assignment := progress.next()) is not None:
        found = run_trial(plan.spec, assignment, data, LocalPool(scorer), lambda _: None)
        progress.record(found.trial, found.history)
        if assignment.cell == "zosa-r5":
            starts.setdefault(found.trial.search_seed, set()).add(found.history["dev_auc"][0])
    assert progress.done
    assert starts.keys() == {0, 1, 2, None}  # None of the confirm trials
    assert [len(starts[seed]) for seed in range(3)] == [1, 1, 1]
    assert len(starts[0] | starts[1] | starts[2]) == 3


def test_optuna_is_told_the_mean_and_each_seed(seeded_plan: Callable[..., Plan], tmp_path: Path) -> None:
    plan = seeded_plan(seeds=3, p_threshold=0.3)
    cell = plan.cells[0]
    told = frozen_trial(mean_result([SearchResult({}, value) for value in (0.6, 0.8)]), cell)
    assert (told.state, told.value, told.intermediate_values) == (TrialState.COMPLETE, 0.7, {0: 0.6, 1: 0.8})
    failed = frozen_trial(mean_result([SearchResult({}, 0.6), SearchResult({}, None)]), cell)
    assert (failed.state, failed.intermediate_values) == (TrialState.FAIL, {0: 0.6})

    progress = StudyProgress(plan, run(plan, 3, 1))
    with Journal(Storage.at(tmp_path), progress, pytest.fail):
        storage = JournalStorage(JournalFileBackend(str(tmp_path / JOURNAL_FILE)))
        trials = optuna.load_study(study_name="smooth/spsa-r1/3 seeds", storage=storage).trials
    results = progress.cells["spsa-r1"].search_results(7)
    assert results is not None
    assert [trial.value for trial in trials] == [each.dev_auc for each in results]
    assert [trial.intermediate_values for trial in trials] == [each.steps for each in results]
