"""A long trial goes on from what was last saved of it: real processes and a real head node, each of which dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray.cluster_utils import Cluster

import zostudy
from zostudy.cluster.pool import LocalPool
from zostudy.config.loading import load_study
from zostudy.config.study import StudySpec
from zostudy.lm.frozen import make_evaluator
from zostudy.results.checkpoints import CHECKPOINTS, Checkpoints
from zostudy.results.ledger import Ledger
from zostudy.results.schema import TIME_COLUMNS
from zostudy.results.stored_tables import TABLES_OF_A_TRIAL, read_table
from zostudy.search.loaded_model import read_model
from zostudy.search.prepare import prepare
from zostudy.search.run_trial import run_trial
from zostudy.yaml_text import dump_yaml

pytestmark = pytest.mark.ray

STUDY: dict[str, Any] = {
    "name": "long",
    "model": {"name": "mini-roberta", "dtype": "float32"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": [3], "minority_size": 5},
    "methods": ["zosa"],
    "budget": {"queries": 1_000, "batch_size": 8, "evaluations": 6},
    "search": {"trials": 0},
    "confirm": {"seeds": 1, "landscape": False},
    "replicas": 1,
}
TRIAL = "zosa-r3-confirm-000"
CONDITION = "float32, 1 CPUs, 0.0 GPUs"

# What every process of Ray's reads as it starts: saves come five times a second, not every fifteen seconds.
SAVE_OFTEN = "import zostudy.search.resume\nzostudy.search.resume.SECONDS_BETWEEN_SAVES = 0.2\n"


@pytest.fixture
def start_head(
    start_cluster: Callable[[int], Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Cluster]:
    (tmp_path / "sitecustomize.py").write_text(SAVE_OFTEN)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "12")
    return lambda: start_cluster(1)


def test_a_long_trial_survives_its_process_and_the_head_node(start_head: Callable[[], Cluster], tmp_path: Path) -> None:
    study = tmp_path / "long.yaml"
    study.write_text(dump_yaml(STUDY), encoding="utf-8")
    command = [sys.executable, "-m", "zostudy", "run", str(study), "--results"]
    saved = tmp_path / "disturbed" / "long" / CHECKPOINTS / f"{TRIAL}.npz"
    head = start_head()
    attached = [*command, str(tmp_path / "disturbed"), "--address", head.address]
    driver = subprocess.Popen(attached, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    _wait_until(lambda: saved.exists() and _queries(saved) >= 0, driver)
    process = _trial_process(head)
    os.kill(process, signal.SIGKILL)
    queries_saved = _queries(saved)
    _wait_until(lambda: _queries(saved) > queries_saved, driver)
    assert _trial_process(head) != process
    node: Any = head.head_node
    node.kill_all_processes(check_alive=False, allow_graceful=False)
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode != 0
    assert "does not answer" in said
    assert "repeat the command" in said
    assert saved.exists()

    zostudy.run(study, tmp_path / "disturbed", address=start_head().address)
    _run_here(load_study(study), tmp_path / "undisturbed")
    for table in TABLES_OF_A_TRIAL:
        given, expected = (read_table(tmp_path / run, table) for run in ("disturbed/long", "undisturbed"))
        if table == "trials":
            given, expected = (rows.drop_columns([*TIME_COLUMNS, "precision_rows"]) for rows in (given, expected))
        assert given.equals(expected), table
    assert not saved.exists()


def _run_here(spec: StudySpec, folder: Path) -> None:
    """Runs the trial in this process, without Ray and undisturbed; no noise is measured here."""
    study = prepare(spec)
    assignment = study.plan.assign(study.plan.cells[0], "confirm", 0, {})
    model = read_model(study, "float32")
    pool = LocalPool(make_evaluator(spec.model, model.model, study.encoded, "float32"), model.micro_batch_size)
    Ledger(folder).record(run_trial(spec, assignment, study.data, pool, lambda _: None))


def _wait_until(holds: Callable[[], bool], driver: subprocess.Popen[str], seconds: float = 120.0) -> None:
    latest = time.monotonic() + seconds
    while not holds():
        assert driver.poll() is None, "the study ended before it could be disturbed"
        assert time.monotonic() < latest
        time.sleep(0.02)


def _trial_process(head: Cluster) -> int:
    node: Any = head.head_node
    [raylet] = node.all_processes["raylet"]
    workers = psutil.Process(raylet.process.pid).children(recursive=True)
    trial: int
    [trial] = [worker.pid for worker in workers if "ImplicitFunc" in " ".join(worker.cmdline())]
    return trial


def _queries(saved: Path) -> int:
    """Returns how many queries the last saved evaluation came after; -1 where the first had not ended."""
    state = Checkpoints(saved.parents[1], CONDITION).load(TRIAL)
    assert state is not None
    return int(state["history.queries"][-1]) if "history.queries" in state else -1
