"""What a study leaves behind on a cluster that goes on: nothing, however it ends. The scorer is a fake one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util import placement_group_table
from tests.search.fake_scorers import BrokenScorer, SlowScorer

from zostudy.cluster.fleet import Fleet
from zostudy.cluster.replica import ScorerFactory
from zostudy.config.study import StudySpec
from zostudy.errors import ResultsError
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.search.prepare import prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.tune.trainable import PoolFactory
from zostudy.search.tune.tuner import tune_trials

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_trial_at_a_time")]

STUDY: dict[str, Any] = {
    "name": "fake",
    "model": {"name": "mini-roberta"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": (1, 2), "minority_size": 5},
    "methods": (
        {"label": "spsa", "algorithm": "spsa", "options": {"queries_per_step": 2}},
        {"label": "untuned", "algorithm": "untuned"},
    ),
    "budget": {"queries": 4, "batch_size": 4, "evaluations": 1},
    "search": {"trials": 3, "sampler": "random", "space": {"reach": {"low": 0.01, "high": 1.0}}},
    "confirm": {"seeds": 1},
    "replicas": 2,
}


class Ending(Callback):
    """Raises when a number of trials has finished."""

    def __init__(self, error: BaseException | None = None, after: int = 0) -> None:
        self._error, self._after = error, after
        self.n_finished = 0

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        self.n_finished += 1
        if self._error is not None and self.n_finished == self._after:
            raise self._error


def run(address: str, folder: Path, watcher: Ending, scorer: type = SlowScorer) -> StudyProgress:
    study = prepare(StudySpec.model_validate(STUDY))
    progress = StudyProgress(study.plan, [])
    ray.init(address=address, log_to_driver=False)
    try:
        factory = ScorerFactory(scorer, ())
        spec = study.plan.spec
        with Fleet(spec.replicas, spec.resources, factory, attached=True, notify=watcher.on_note) as fleet:
            fleet.await_first()
            fleet.keep(factory)
            pool_factory = PoolFactory(fleet.list_replicas, factory, 256, "float32")
            tune_trials(study.data, progress, Ledger(folder), pool_factory, lambda: fleet.n_replicas, watcher)
    finally:
        ray.shutdown()
    return progress


def assert_nothing_is_left(address: str, folders: set[str], descendants: Callable[[str], list[Path]]) -> None:
    def left() -> list[object]:
        actors = [actor for actor in ray._private.state.actors().values() if actor["State"] != "DEAD"]
        groups = [group for group in placement_group_table().values() if group["state"] != "REMOVED"]
        return [*actors, *groups, *descendants("ray::Replica"), *descendants("ray::ImplicitFunc")]

    assert temporary_folders() <= folders
    ray.init(address=address, log_to_driver=False)
    try:
        latest = time.monotonic() + 30
        while left() and time.monotonic() < latest:
            time.sleep(0.5)
        assert left() == []
    finally:
        ray.shutdown()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))  # where nobody else makes folders


def temporary_folders() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("zostudy-*")}


def test_a_study_of_which_trials_fail_leaves_nothing(
    address: str, tmp_path: Path, descendants: Callable[[str], list[Path]]
) -> None:
    folders, watcher = temporary_folders(), Ending()
    progress = run(address, tmp_path / "fake", watcher, BrokenScorer)
    assert progress.done
    assert [row.cell for row in progress.failed] == 3 * ["spsa-r1"] + 3 * ["spsa-r2"]
    assert "not finite" in str(progress.failed[0].error)
    assert watcher.n_finished == len(progress.failed) + 2
    assert_nothing_is_left(address, folders, descendants)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ResultsError("results must be writable, but are not")])
def test_a_study_that_is_broken_off_leaves_nothing(
    address: str, tmp_path: Path, descendants: Callable[[str], list[Path]], error: BaseException
) -> None:
    folders = temporary_folders()
    with pytest.raises(type(error)):
        run(address, tmp_path / "fake", Ending(error, after=1))
    assert_nothing_is_left(address, folders, descendants)
