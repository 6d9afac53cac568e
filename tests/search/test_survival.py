"""What a study survives: killed replicas, trials and drivers; its results are those of a run that nothing disturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ray
from numpy.typing import NDArray

from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import Recipe, start_replicas
from zostudy.results.checkpoints import CHECKPOINTS
from zostudy.results.files import read_table
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.schema import SCHEMAS, TIME_COLUMNS
from zostudy.search.data import StudyData
from zostudy.search.execute import run_prepared
from zostudy.search.plan import Assignment, Plan
from zostudy.search.prepare import prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress, run_trial
from zostudy.spec import dump_yaml
from zostudy.spec.study import ResourcesSpec, StudySpec

pytestmark = [pytest.mark.ray, pytest.mark.slow]

STUDY: dict[str, Any] = {
    "name": "tough",
    "model": {"name": "mini-roberta", "dtype": "float32"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": [3], "minority_size": 5},
    "methods": ["zosa", "bpt-fzg", "untuned"],
    "budget": {"queries": 200, "batch_size": 8, "evaluations": 2},
    "search": {"trials": 3, "startup_trials": 2, "space": {"learning_rate": {"low": 0.01, "high": 1.0}}},
    "confirm": {"seeds": 2},
    "replicas": 2,
}
N_TRIALS = 2 * 3 + 3 * 2


@dataclass
class Disturber:
    """Kills one of Ray's processes by its title, again and again, while a study runs."""

    title: str
    most: int
    seconds_between: float
    kills: int = 0
    last: float = field(default_factory=time.monotonic)

    def phase(self, what: str) -> None: ...

    def note(self, line: str) -> None: ...

    def begin(self, progress: StudyProgress, n_replicas: int) -> None:
        self.last = time.monotonic()

    def trial_started(self, assignment: Assignment) -> None: ...

    def trial_progressed(self, assignment: Assignment, progress: TrialProgress) -> None:
        if self.kills < self.most and time.monotonic() - self.last >= self.seconds_between:
            victims = sorted(_descendants(self.title))
            if victims:
                os.kill(victims[self.kills % len(victims)], signal.SIGKILL)
                self.kills += 1
                self.last = time.monotonic()

    def trial_finished(self, assignment: Assignment, outcome: Outcome) -> None: ...


def _descendants(title: str = "") -> list[int]:
    """Returns the processes that this one started, directly or not, whose title begins so."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    ours = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= new
    return [pid for pid in ours - {os.getpid()} if _title(pid).startswith(title)]


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


def _tables(folder: Path) -> dict[str, pa.Table]:
    stored = {table: read_table(folder, table) for table in SCHEMAS}
    return stored | {"trials": stored["trials"].drop_columns(list(TIME_COLUMNS))}


def _assert_equal(folder: Path, expected: dict[str, pa.Table]) -> None:
    given = _tables(folder)
    for table in SCHEMAS:
        assert given[table].equals(expected[table]), table
    assert not [*folder.glob(f"{CHECKPOINTS}/*")]
    assert not [*folder.rglob("*.unfinished")]


def _run(folder: Path, watcher: Any) -> StudyProgress:
    methods = tuple({"label": name, "method": name} for name in STUDY["methods"])
    study = prepare(StudySpec.model_validate(STUDY | {"methods": methods}))
    return run_prepared(study, Ledger(folder), None, watcher)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    folder = tmp_path_factory.mktemp("results") / "tough"
    assert _run(folder, Disturber("nothing", 0, 0.0)).done
    found = _tables(folder)
    assert set(found["trials"].column("status").to_pylist()) == {"complete"}
    assert found["trials"].num_rows == N_TRIALS
    return found


def test_replicas_that_are_killed_again_and_again(undisturbed: dict[str, pa.Table], tmp_path: Path) -> None:
    disturber = Disturber("ray::Replica", most=10, seconds_between=2.0)
    assert _run(tmp_path / "tough", disturber).done
    assert disturber.kills >= 3
    _assert_equal(tmp_path / "tough", undisturbed)


def test_trials_whose_processes_are_killed(undisturbed: dict[str, pa.Table], tmp_path: Path) -> None:
    disturber = Disturber("ray::ImplicitFunc", most=2, seconds_between=0.5)
    assert _run(tmp_path / "tough", disturber).done
    assert disturber.kills == 2
    _assert_equal(tmp_path / "tough", undisturbed)


def test_a_driver_that_is_killed_at_random_moments_and_run_again(
    undisturbed: dict[str, pa.Table], tmp_path: Path
) -> None:
    study = tmp_path / "tough.yaml"
    study.write_text(dump_yaml(STUDY), encoding="utf-8")
    command = [sys.executable, "-m", "zostudy", "run", str(study), "--results", str(tmp_path / "results")]
    chance = random.Random(0)
    for _ in range(5):
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(6, 15))
        driver.kill()
        driver.wait()
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    _assert_equal(tmp_path / "results" / "tough", undisturbed)


class PoisonedScorer:
    """Dies of one row, as a replica would of a batch that takes all memory."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        if seed == POISON:
            os._exit(1)
        scores = latents.mean(axis=1)[:, None] + rows
        return np.stack([-scores, scores], axis=-1).astype(np.float32)


POISON = 13


def test_a_unit_that_kills_every_replica_fails_its_trial_and_no_other(
    local_ray: None, plan: Plan, data: StudyData
) -> None:
    recipe = Recipe(PoisonedScorer, ())
    pool = RayPool(start_replicas(1, ResourcesSpec(), recipe), recipe)
    healthy = plan.assign(plan.cells[0], "confirm", 0, {})
    scored: Callable[..., Any] = pool.score

    class PoisonedPool:
        def score(self, latents: Any, rows: Any, seed: int, group: int = 1) -> Any:
            return scored(latents, rows, POISON, group)

    failed = run_trial(plan.spec, healthy, data, PoisonedPool(), lambda _: None)
    assert failed.trial["status"] == "failed"
    assert "ActorDiedError" in failed.trial["error"] or "ActorUnavailable" in failed.trial["error"]
    outcome = run_trial(plan.spec, healthy, data, pool, lambda _: None)
    assert outcome.trial["status"] == "complete", outcome.trial["error"]
    assert ray.is_initialized()
