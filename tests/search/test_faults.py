"""What faults of a replica, a trial's process and a disk do to a study that Tune runs; its scorer is a fake one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ray
from ray.tune.execution.tune_controller import TuneController
from tests.search.fake_scorers import DyingScorer, UnreadableLister

from zostudy.cluster.fleet import Fleet
from zostudy.cluster.pool import LocalPool
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import MOST_DEATHS
from zostudy.config.study import StudySpec
from zostudy.errors import NoReplicaError, ZostudyError
from zostudy.results.ledger import Ledger
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment, Plan, make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData
from zostudy.search.tune.trainable import METRIC, PoolFactory
from zostudy.search.tune.tuner import tune_trials

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray", "one_trial_at_a_time")]


@dataclass
class Watcher(Callback):
    """Remembers which trials have run."""

    assignments: dict[str, Assignment] = field(default_factory=dict)

    def on_trial_start(self, assignment: Assignment) -> None:
        self.assignments[assignment.name] = assignment


@pytest.fixture
def small(make_spec: Callable[..., StudySpec]) -> Plan:
    """A study of two cells; its confirm trials differ in their seeds."""
    budget = {"queries": 20, "batch_size": 8, "evaluations": 1}
    search = {"trials": 2, "startup_trials": 1, "space": {"reach": {"low": 0.01, "high": 1.0}}}
    imbalance = {"ratios": (1,), "minority_size": 10}
    methods = ({"label": "spsa", "algorithm": "spsa"}, {"label": "untuned", "algorithm": "untuned"})
    return make_plan(make_spec(methods=methods, imbalance=imbalance, budget=budget, search=search))


@contextmanager
def ready(
    plan: Plan, data: StudyData, folder: Path, factory: ScorerFactory, watcher: Watcher, **changes: Any
) -> Iterator[Callable[[], StudyProgress]]:
    """Gives what runs the study from its start on a replica that is ready."""
    with Fleet(1, plan.spec.resources, factory, attached=False, notify=watcher.on_note) as fleet:
        fleet.await_first()
        fleet.keep(factory)
        pool_factory = replace(PoolFactory(fleet.list_replicas, factory, 256, "float32"), **changes)

        def run() -> StudyProgress:
            progress = StudyProgress(plan, [])
            tune_trials(data, progress, Ledger(folder), pool_factory, lambda: fleet.n_replicas, watcher)
            return progress

        yield run


def test_a_unit_that_kills_every_replica_fails_its_trial_and_changes_no_other(
    small: Plan, data: StudyData, tmp_path: Path
) -> None:
    plan = replace(small, cells=small.cells[:1])
    poison, log, watcher = plan.seed(2), tmp_path / "log", Watcher()
    with ready(plan, data, tmp_path / "smooth", ScorerFactory(DyingScorer, (poison, log)), watcher) as run:
        assert run().done
    rows = {row.trial: row for row in Ledger(tmp_path / "smooth").trials()}
    poisoned = rows.pop("spsa-r1-confirm-001")
    assert poisoned.status == "failed"
    assert f"{MOST_DEATHS} replicas died one after the other of queries" in (poisoned.error or "")
    assert log.read_text() == "died " * (1 + MOST_DEATHS)
    assert len(rows) == 3
    for name, row in rows.items():
        local = LocalPool(DyingScorer())
        expected = run_trial(plan.spec, watcher.assignments[name], data, local, lambda _: None).trial
        assert row.status == "complete"
        assert row.dev_auc == expected.dev_auc
        np.testing.assert_array_equal(row.latent, expected.latent)


def test_a_study_of_which_no_process_can_start_ends_with_the_reason_and_stores_nothing(
    small: Plan, data: StudyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zostudy.search.driver.MOST_CLUSTER_FAULTS", 3)
    one_trial = small.spec.model_copy(update={"confirm": small.spec.confirm.model_copy(update={"seeds": 1})})
    plan, factory = make_plan(one_trial), ScorerFactory(DyingScorer, ())
    plan = replace(plan, cells=plan.cells[1:])
    ended = pytest.raises(NoReplicaError, match=r"no trial's process can start \(ModuleNotFoundError: No module named")
    lister = UnreadableLister()
    with ready(plan, data, tmp_path / "smooth", factory, Watcher(), list_replicas=lister) as run, ended:
        run()
    assert Ledger(tmp_path / "smooth").trials() == []


def test_a_trial_that_ray_ends_as_memory_is_full_is_tried_again(
    small: Plan, data: StudyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Any] = []

    def get(reference: Any) -> Any:
        found = ray.get(reference)
        if isinstance(found, dict) and METRIC in found and not ended:
            ended.append(found)
            raise ray.exceptions.OutOfMemoryError("1 worker(s) were killed due to the node running low on memory.")
        return found

    monkeypatch.setattr("ray.air.execution._internal.event_manager.ray", SimpleNamespace(get=get, wait=ray.wait))
    plan = replace(small, cells=small.cells[1:])
    with ready(plan, data, tmp_path / "smooth", ScorerFactory(DyingScorer, ()), Watcher()) as run:
        assert run().done
    assert ended
    assert all(row.status == "complete" for row in Ledger(tmp_path / "smooth").trials())


def test_tune_writes_no_snapshots_of_its_trials_as_they_run(
    small: Plan, data: StudyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_written, write, checkpoint = 0, TuneController.save_to_dir, TuneController.checkpoint

    def counted(controller: TuneController) -> None:
        nonlocal n_written
        n_written += 1
        write(controller)  # type: ignore[no-untyped-call]

    def an_hour_later(controller: TuneController, **options: Any) -> None:
        controller._checkpoint_manager._last_save_time -= 3600
        checkpoint(controller, **options)

    monkeypatch.setattr(TuneController, "save_to_dir", counted)
    monkeypatch.setattr(TuneController, "checkpoint", an_hour_later)
    plan = replace(small, cells=small.cells[1:])
    with ready(plan, data, tmp_path / "smooth", ScorerFactory(DyingScorer, ()), Watcher()) as run:
        assert run().done
    assert n_written <= 2  # at the start and at the end


def test_a_full_disk_for_temporary_files_is_told_in_one_line(
    small: Plan, data: StudyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/ray/notes")

    plan = replace(small, cells=small.cells[1:])
    with ready(plan, data, tmp_path / "smooth", ScorerFactory(DyingScorer, ()), Watcher()) as run:
        monkeypatch.setattr(TuneController, "save_to_dir", full)
        with pytest.raises(ZostudyError, match=r"but /tmp/ray/notes takes none \(No space left on device\); make room"):
            run()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        with pytest.raises(ZostudyError, match=rf"but {tmp_path}/missing/\S+ takes none \(No such file"):
            run()
