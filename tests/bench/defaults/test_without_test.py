"""The true test split is never opened, and the rows that judge choose nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from zostudy.bench.defaults.jobs import TrialJob
from zostudy.bench.defaults.measuring import LoadedTask
from zostudy.bench.defaults.tasks import JUDGING_SIZE, TASKS, without_test
from zostudy.cluster.micro_batches import Scorer
from zostudy.config.task import TaskSpec
from zostudy.search.plan import make_plan
from zostudy.search.setup import make_data
from zostudy.tasks.loading import Task, load_task


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(TaskSpec(name="reviews"))


class Guard:
    """A scorer that refuses rows of the true test split, and counts the examples that it is asked for."""

    def __init__(self, scorer: Scorer, forbidden: NDArray[np.int64]) -> None:
        self._scorer, self._forbidden = scorer, forbidden
        self.rows: set[int] = set()

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        if np.isin(rows, self._forbidden).any():
            raise AssertionError("a row of test was scored")
        self.rows |= set(rows.ravel().tolist())
        return self._scorer.score(latents, rows, seed, group)


def test_rows_that_judge_are_of_train_and_share_no_text_with_the_others(task: Task) -> None:
    table, development = task.table, without_test(task).table
    train, judging = development.splits["train"], development.splits["test"]
    test_texts = {table.texts[row] for row in table.splits["test"]}
    texts = [table.texts[row] for row in (*train, *judging)]
    assert set(train) | set(judging) <= set(table.splits["train"])
    assert not test_texts & set(texts)
    assert len(texts) == len(set(texts))
    assert np.bincount(table.labels[judging]).tolist() == [JUDGING_SIZE, JUDGING_SIZE]
    again = without_test(task).table
    np.testing.assert_array_equal(again.splits["test"], judging)
    assert development.digest == again.digest != table.digest


def test_a_rare_class_keeps_half_of_its_rows_for_training(task: Task) -> None:
    table = task.table
    rare = np.flatnonzero(table.labels == 1)
    train = np.setdiff1d(table.splits["train"], rare[100:])
    n_rare = int(np.sum(table.labels[train] == 1))
    small = replace(task, table=replace(table, splits={**table.splits, "train": train}))
    judging = without_test(small).table.splits["test"]
    assert 0 < n_rare <= 100
    assert np.bincount(table.labels[judging]).tolist() == [n_rare // 2, n_rare // 2]


@pytest.mark.slow
def test_no_trial_scores_a_row_of_test(task: Task) -> None:
    guards: list[Guard] = []

    def guarded(scorer: Scorer) -> Guard:
        guards.append(Guard(scorer, task.table.splits["test"]))
        return guards[-1]

    bench = LoadedTask.of("mini-llama", None, guarded)
    judging = without_test(task).table.splits["test"].astype(np.int32)
    assert not set(bench.data.used_rows) & set(task.table.splits["test"].tolist())
    job = TrialJob("mini-llama", 10.0, "untuned", 0, queries=12)
    untuned = bench.measure(job)
    assert set(judging.tolist()) <= guards[0].rows
    scores = bench.pool.score(np.zeros((1, 100), np.float32), judging[None], job.plan.seed(1)).scores[0]
    assert untuned.judged_auc == pytest.approx(roc_auc_score(bench.data.labels[judging], scores[:, 1] - scores[:, 0]))
    assert untuned.distance == 0
    assert len(untuned.looks) == 1

    tuned = bench.measure(TrialJob("mini-llama", 10.0, "bpt-fzg", 0, {"reach": 2.0}, queries=12, evaluations=2))
    assert tuned.status == "complete", tuned.error
    assert tuned.settings["reach"] == 2.0
    assert tuned.looks[0] == untuned.dev_auc
    assert tuned.dev_auc == max(tuned.looks)
    assert len(tuned.looks) == 3
    with pytest.raises(AssertionError, match="row of test"):
        guards[0].score(np.zeros((1, 100), np.float32), task.table.splits["test"][None, :4].astype(np.int32))


@pytest.mark.parametrize("name", [name for name in TASKS if name.startswith("minilm")])
def test_real_tasks_have_rows_enough(name: str, shared_dir: Path) -> None:
    """Every ratio of every task can be drawn beside the rows that judge."""
    spec = TASKS[name].study(queries=300, folder=shared_dir / "data")
    development = without_test(load_task(spec.task))
    data = make_data(make_plan(spec), development)
    assert {ratio for ratio, _ in data.draws} == set(TASKS[name].ratios)
    assert len(development.table.splits["test"]) >= 300
