"""What a study survives: killed replicas, trials and drivers; its results are those of a run that nothing disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
import ray
from ray.cluster_utils import Cluster

from zostudy.cluster.fleet import Fleet
from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.ray_log import RAY_LOG_FILE
from zostudy.config.study import StudySpec
from zostudy.results.checkpoints import CHECKPOINTS
from zostudy.results.ledger import Ledger
from zostudy.results.schema import SCHEMAS, TIME_COLUMNS
from zostudy.results.stored_tables import read_table
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.search.prepare import prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.run import complete_study
from zostudy.search.trial import TrialProgress
from zostudy.yaml_text import dump_yaml

pytestmark = pytest.mark.ray

STUDY: dict[str, Any] = {
    "name": "tough",
    "model": {"name": "mini-roberta", "dtype": "float32"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": [3], "minority_size": 5},
    "methods": ["zosa", "bpt-fzg", "untuned"],
    "budget": {"queries": 100, "batch_size": 8, "evaluations": 2},
    "search": {"trials": 3, "startup_trials": 2, "space": {"reach": {"low": 0.01, "high": 1.0}}},
    "confirm": {"seeds": 2, "landscape": False},
    "replicas": 1,
}
N_TRIALS = 2 * 3 + 3 * 2

Descendants = Callable[[str], list[Path]]


@dataclass
class Disturber(Callback):
    """Does something bad, again and again, while a study runs; never before the last time has been got over."""

    disturb: Callable[[int], bool] = lambda times: False
    most: int = 0
    seconds_between: float = 0.0
    times: int = 0
    sizes: list[int] = field(default_factory=list)
    last: float = field(default_factory=time.monotonic)

    def on_study_start(self, progress: StudyProgress, n_replicas: int) -> None:
        self.last = time.monotonic()
        self.sizes.append(n_replicas)

    def on_replicas_changed(self, n_replicas: int) -> None:
        self.sizes.append(n_replicas)

    def on_trial_progress(self, assignment: Assignment, progress: TrialProgress) -> None:
        due = self.times < self.most and time.monotonic() - self.last >= self.seconds_between
        if due and self.disturb(self.times):
            self.times += 1
            self.last = time.monotonic()


def _killer(descendants: Descendants, title: str) -> Callable[[int], bool]:
    """Returns what kills one of Ray's processes by its title, each time another one."""

    def kill(times: int) -> bool:
        victims = sorted(int(process.name) for process in descendants(title))
        if victims:
            os.kill(victims[times % len(victims)], signal.SIGKILL)
        return bool(victims)

    return kill


def _tables(folder: Path) -> dict[str, pa.Table]:
    stored = {table: read_table(folder, table) for table in SCHEMAS}
    return stored | {"trials": stored["trials"].drop_columns(list(TIME_COLUMNS))}


def _assert_equal(folder: Path, expected: dict[str, pa.Table]) -> None:
    given = _tables(folder)
    for table in SCHEMAS:
        assert given[table].equals(expected[table]), table
    assert not [*folder.glob(f"{CHECKPOINTS}/*")]
    assert not [*folder.rglob("*.unfinished")]


def _run(folder: Path, watcher: Any, address: str | None = None, **sections: Any) -> StudyProgress:
    methods = tuple({"label": name, "algorithm": name} for name in STUDY["methods"])
    study = prepare(StudySpec.model_validate(STUDY | {"methods": methods} | sections))
    return complete_study(study, Ledger(folder), address, watcher)


@pytest.fixture(scope="module")
def cluster(start_cluster: Callable[[int], Cluster]) -> Cluster:
    """A cluster of one CPU."""
    return start_cluster(1)


@pytest.fixture(scope="module")
def on_one_cpu(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Disturber, dict[str, pa.Table]]:
    """What is told of a run on a cluster of one CPU that nothing disturbs, and what it stores."""
    folder, watcher = tmp_path_factory.mktemp("results") / "tough", Disturber()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zostudy.search.tune.tuner.trials_at_once", lambda n_replicas, *others: n_replicas)
        assert _run(folder, watcher, cluster.address, replicas="auto").done
    found = _tables(folder)
    assert set(found["trials"].column("status").to_pylist()) == {"complete"}
    assert found["trials"].num_rows == N_TRIALS
    return watcher, found


@pytest.fixture(scope="module")
def undisturbed(on_one_cpu: tuple[Disturber, dict[str, pa.Table]]) -> dict[str, pa.Table]:
    return on_one_cpu[1]


def test_a_cluster_of_one_cpu_is_enough(on_one_cpu: tuple[Disturber, dict[str, pa.Table]]) -> None:
    assert on_one_cpu[0].sizes == [1]


def test_replicas_and_trials_processes_that_are_killed_again_and_again(
    undisturbed: dict[str, pa.Table], descendants: Descendants, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kill_replica, kill_trial = _killer(descendants, "ray::Replica"), _killer(descendants, "ray::ImplicitFunc")
    disturber = Disturber(lambda times: (kill_trial if times % 3 == 2 else kill_replica)(times), 4, 0.5)
    assert _run(tmp_path / "tough", disturber, replicas=2).done
    assert disturber.times == 4
    assert capfd.readouterr() == ("", "")
    assert "ActorDiedError" in (tmp_path / "tough" / RAY_LOG_FILE).read_text(encoding="utf-8")
    _assert_equal(tmp_path / "tough", undisturbed)


def test_a_raylet_a_driver_and_a_gcs_that_are_killed_one_after_the_other(
    undisturbed: dict[str, pa.Table], descendants: Descendants, tmp_path: Path
) -> None:
    """Runs among scratch files that bear libraries' names, and at last in a working directory that is gone."""
    scratch, gone = tmp_path / "scratch", tmp_path / "gone"
    scratch.mkdir()
    gone.mkdir()
    for name in ("json", "numpy", "ray", "sitecustomize", "torch", "typing"):
        (scratch / f"{name}.py").write_text("raise SystemExit('a scratch file was imported')", encoding="utf-8")
    (tmp_path / "tough.yaml").write_text(dump_yaml(STUDY), encoding="utf-8")
    files = [str(tmp_path / "tough.yaml"), "--results", str(tmp_path / "results")]
    command, folder = [sys.executable, "-m", "zostudy", "run", *files], tmp_path / "results" / "tough"

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, cwd=scratch, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def kill_process_of_ray(driver: subprocess.Popen[str], process: str, name: str) -> None:
        [victim] = (
            process
            for process in descendants(str(Path(ray.__path__[0]) / "core" / "src" / "ray" / process))
            if psutil.Process(int(process.name)).parent() == psutil.Process(driver.pid)
        )
        os.kill(int(victim.name), signal.SIGKILL)
        output, errors = driver.communicate(timeout=300)
        assert (driver.returncode, output) == (1, ""), errors
        assert errors.splitlines()[-1] == (
            f"error: Ray must live as long as the study, but its {name} was ended by SIGKILL; "
            "run again: all that has finished is kept"
        )
        assert "Traceback" not in errors

    driver = start()  # its raylet goes before any trial
    _wait_until(partial(_says_or_ended, folder, "starting 1 replica", driver), 300)
    kill_process_of_ray(driver, "raylet/raylet", "raylet")
    driver = start()
    _wait_until(partial(_has_more_or_ended, folder, 0, driver), 300)
    driver.kill()
    driver.communicate()
    stored, driver = _n_stored(folder), start()
    _wait_until(partial(_has_more_or_ended, folder, stored, driver), 300)
    kill_process_of_ray(driver, "gcs/gcs_server", "GCS")
    assert 2 <= _n_stored(folder) < N_TRIALS
    in_folder_gone = ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(gone), *command]
    finished = subprocess.run(in_folder_gone, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    assert "(raylet)" not in finished.stdout
    _assert_equal(folder, undisturbed)


def _has_more_or_ended(folder: Path, n_stored: int, driver: subprocess.Popen[str]) -> bool:
    return _n_stored(folder) > n_stored or driver.poll() is not None


def _says_or_ended(folder: Path, line: str, driver: subprocess.Popen[str]) -> bool:
    log = folder / "study.log"
    return (log.exists() and line in log.read_text(encoding="utf-8")) or driver.poll() is not None


def _n_stored(folder: Path) -> int:
    """Returns how many trials have ended."""
    return len([*(folder / "trials").glob("*.parquet")])


def _wait_until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    latest = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < latest
        time.sleep(0.1)


def test_a_node_that_leaves_and_another_that_joins(
    undisturbed: dict[str, pa.Table],
    one_trial_at_a_time: None,
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleets: list[Fleet] = []

    class SeenFleet(Fleet):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            fleets.append(self)

    monkeypatch.setattr("zostudy.search.running_fleet.Fleet", SeenFleet)
    leaving = cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)

    def exchange(times: int) -> bool:
        """The study waits meanwhile, so that it does not end before the fleet has followed."""
        _wait_until(lambda: fleets[0].n_replicas == 2)
        cluster.remove_node(leaving, allow_graceful=False)
        _wait_until(lambda: leaving.node_id not in {node["NodeID"] for node in RayApi().nodes()})
        cluster.add_node(num_cpus=2)
        _wait_until(lambda: fleets[0].n_replicas == 3)
        return True

    disturber = Disturber(exchange, most=1, seconds_between=1.0)
    assert _run(tmp_path / "tough", disturber, cluster.address, replicas="auto").done
    assert disturber.times == 1
    assert disturber.sizes[-1] == 3
    _assert_equal(tmp_path / "tough", undisturbed)
