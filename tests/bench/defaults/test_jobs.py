from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zostudy.bench.defaults.jobs import SearchJob, TrialJob
from zostudy.bench.defaults.plans import PLANS, REAL_TASKS
from zostudy.bench.defaults.store import MeasuredTrial, TrialStore
from zostudy.bench.defaults.tasks import METHODS, TASKS
from zostudy.methods import default_space, get_method

MakeRow = Callable[[TrialJob, float], MeasuredTrial]

JOB = TrialJob("mini-llama", 10.0, "bpt-fzg", 0)


def test_a_job_is_named_by_what_it_runs_with() -> None:
    reach = get_method("bpt-fzg").Options().reach  # type: ignore[attr-defined]
    same = TrialJob("mini-llama", 10.0, "bpt-fzg", 0, {"reach": reach})
    assert same.key == JOB.key
    others = [
        TrialJob("mini-gpt2", 10.0, "bpt-fzg", 0),
        TrialJob("mini-llama", 50.0, "bpt-fzg", 0),
        TrialJob("mini-llama", 10.0, "spsa", 0),
        TrialJob("mini-llama", 10.0, "bpt-fzg", 1),
        TrialJob("mini-llama", 10.0, "bpt-fzg", 0, {"reach": 2 * reach}),
        TrialJob("mini-llama", 10.0, "bpt-fzg", 0, {"imbalance.sampler": "natural"}),
        TrialJob("mini-llama", 10.0, "bpt-fzg", 0, queries=1200),
        TrialJob("mini-llama", 10.0, "bpt-fzg", 0, evaluations=10),
        SearchJob("mini-llama", 10.0, "bpt-fzg", 30, (0,)).trial(0, {}),
    ]
    assert len({JOB.key, *(job.key for job in others)}) == 1 + len(others)


def test_a_changed_default_makes_another_trial_and_a_gained_option_does_not() -> None:
    settings = dict(JOB.settings)
    assert JOB.runs_as({}, settings)
    assert not JOB.runs_as({}, settings | {"reach": 1e6})
    assert JOB.runs_as({}, {name: value for name, value in settings.items() if name != "direction"})
    assert "learning_rate" not in settings  # the step rule does without, so its default may change


def test_a_trial_of_a_search_may_have_any_searched_values_but_no_other_defaults() -> None:
    job = SearchJob("mini-llama", 10.0, "bpt-fzg", 30, (0,)).trial(3, {})
    searched = {"reach": 0.7}
    ran = TrialJob("mini-llama", 10.0, "bpt-fzg", 10, searched).settings
    assert job.runs_as(searched, ran)
    assert not job.runs_as(searched, {**ran, "queries_per_step": 99})


def test_a_store_gives_back_what_it_was_given_also_from_another_process(tmp_path: Path, make_row: MakeRow) -> None:
    store, other = TrialStore(tmp_path / "trials"), TrialStore(tmp_path / "trials")
    row = make_row(JOB, 0.9)
    assert store.find(JOB) is None
    store.add(row)
    assert store.find(JOB) == row
    assert other.find(JOB) == row
    assert TrialStore(tmp_path / "trials").rows == (row,)


def test_packed_trials_are_found_in_one_file(tmp_path: Path, make_row: MakeRow) -> None:
    store = TrialStore(tmp_path / "trials")
    jobs = [TrialJob("mini-llama", 10.0, "spsa", seed) for seed in range(3)]
    for job in jobs:
        store.add(make_row(job, 0.8 + 0.01 * job.seed))
    store.pack(tmp_path / "packed", "trials")
    assert [path.name for path in (tmp_path / "packed").iterdir()] == ["trials.parquet"]
    packed = TrialStore(tmp_path / "packed")
    assert [packed.find(job) for job in jobs] == [store.find(job) for job in jobs]


def test_the_full_plan_holds_the_small_one_and_every_task_method_and_budget() -> None:
    small, full = PLANS["small"](), PLANS["full"]()
    assert full[: len(small)] == small
    assert {job.task for job in full} == set(TASKS)
    assert len(REAL_TASKS) == 5
    assert {job.queries for job in full} == {300, 1200}
    searched = {(job.task, job.method, job.queries) for job in full if isinstance(job, SearchJob)}
    tuned = set(METHODS) - {"untuned", "random-search"}
    assert searched == {(task, method, queries) for task in TASKS for method in tuned for queries in (300, 1200)}
    judged = {(job.task, job.ratio, job.method, job.seed) for job in full if isinstance(job, TrialJob)}
    for task in TASKS.values():
        for ratio in task.ratios:
            seeds = 3 if task.name in REAL_TASKS and ratio == 50 else 10
            assert {(task.name, ratio, method, seed) for method in METHODS for seed in range(seeds)} <= judged


@pytest.mark.slow
def test_every_job_has_settings_that_its_method_takes() -> None:
    for job in PLANS["full"]():
        if isinstance(job, TrialJob):
            assert job.settings.items() >= job.changes.items()
        else:
            assert set(job.cell.space) == set(default_space(get_method(job.method), {}))
