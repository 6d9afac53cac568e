"""``zostudy submit``, ``jobs``, ``logs`` and ``stop`` on a real head node, which wants a token."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from zostudy.cli.jobs import print_log
from zostudy.cluster.head_node import HeadNode
from zostudy.cluster.jobs import find_job
from zostudy.cluster.pool import LocalPool
from zostudy.cluster.shipping import make_shipment
from zostudy.config.loading import load_study
from zostudy.config.study import StudySpec
from zostudy.lm.frozen import make_evaluator
from zostudy.results.ledger import Ledger
from zostudy.search.loaded_model import read_model
from zostudy.search.prepare import prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.tasks.reviews import reviews

TOKEN = "of-this-test-alone-0123456789abcdef"
MODEL = {"name": "mini-roberta", "dtype": "float32"}
# Times differ; and the run without Ray measures no precision.
DIFFERENT = {"wall_seconds", "replica_seconds", "started_at", "finished_at", "precision_rows"}


@pytest.fixture(scope="module")
def head() -> Iterator[str]:
    """The address of a head node with two CPUs."""
    folder = tempfile.mkdtemp(prefix="zs-")  # sockets have short paths
    port, dashboard, agent = _free_ports(3)
    options = {
        "--port": port,
        "--dashboard-port": dashboard,
        "--dashboard-agent-listen-port": agent,
        "--dashboard-host": "127.0.0.1",
        "--num-cpus": 2,
        "--object-store-memory": 2**28,
        "--temp-dir": folder,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        + [f"{option}={value}" for option, value in options.items()],
        env=_environment() | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{dashboard}"
    try:
        _wait_for(lambda: _answers(address), process)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)


@pytest.mark.ray
@pytest.mark.usefixtures("_token")
def test_a_submitted_study_leaves_what_the_same_trials_leave_here_without_ray(
    head: str, call: Any, write_study: Any, tmp_path: Path
) -> None:
    _write_reviews(texts := tmp_path / "texts.csv")
    study = write_study(task={"name": "reviews", "file": "texts.csv"}, model=MODEL)
    cluster, local = tmp_path / "cluster", tmp_path / "local"
    submitted = call("submit", study, "--address", head, "--results", cluster, "--set", "replicas=1", "--follow")
    out, err = submitted.out, submitted.err
    assert submitted.code == 0, out + err
    assert err.splitlines() == ["tiny: reading reviews, checking mini-roberta"] or "trying again" in err
    first, shipped, results, look, stop = out.splitlines()[:5]
    job_id = first.removeprefix("submitted: ")
    assert shipped == f"shipped: texts.csv ({texts.stat().st_size / 2**20:.1f} MiB)"
    assert results == f"results: {cluster}/tiny"
    assert look == f"look: zostudy logs {job_id} --follow --address {head}"
    assert stop == f"stop: zostudy stop {job_id} --address {head}"
    assert "\nstarting 1 replica\n" in out
    assert "\n6/6 trials" in out
    assert out.endswith(f"again:   zostudy compare {cluster / 'tiny'}\n")

    _run_here(load_study(study), Ledger(local / "tiny"))
    for table in ("trials", "history", "scores"):
        there, here = _rows(cluster / "tiny" / table), _rows(local / "tiny" / table)
        assert there == here
        assert len(there) >= 6

    (job,) = json.loads(call("jobs", "--address", head, "--format", "json").out)
    assert (job["job"], job["study"], job["status"], job["results"]) == (job_id, "tiny", "succeeded", str(cluster))
    log = call("logs", "tiny-", "--address", head).out
    assert out.endswith(log)
    whole = call("logs", job_id, "--all", "--address", head).out
    assert whole.endswith(log)
    assert f"Running entrypoint for job {job_id}" in whole
    assert "Running entrypoint" not in out
    assert call("logs", job_id, "--follow", "--address", head).code == 0
    ended = call("stop", job_id, "--address", head)
    assert (ended.code, ended.out) == (0, f"{job_id} had already ended: succeeded\n")
    unknown = call("logs", "nobody", "--address", head)
    assert unknown.code == 2
    assert unknown.err == f"error: there is no job 'nobody' of zostudy's at {head}; the last ones are {job_id}\n"


def test_a_log_is_printed_line_by_line_without_rays_own(capsys: pytest.CaptureFixture[str]) -> None:
    ray = "2026-11-29 10:00:00,123\tINFO job_manager.py:581 -- Runtime env is setting up.\n"
    ray += "Running entrypoint for job tiny-1a2b: python -m zostudy run study.yaml\n"
    kept = "2026-11-29 10:00:02,456\tWARNING worker.py:1 -- the disk is full\nreading reviews\nno line break"
    log = f"{ray}{kept}".replace("reading", "\x1b[1mreading\x1b[0m")
    parts = [log[start : start + 7] for start in range(0, len(log), 7)]
    print_log(parts, all_lines=False)
    assert capsys.readouterr().out == kept
    print_log(parts, all_lines=True)
    assert capsys.readouterr().out == ray + kept


@pytest.mark.ray
@pytest.mark.usefixtures("_token")
def test_a_study_goes_on_after_ctrl_c_and_ends_with_stop(
    head: str, start: Any, call: Any, write_study: Any, tmp_path: Path
) -> None:
    search = {"trials": 500, "space": {"reach": {"low": 0.01, "high": 1.0}}}
    study = write_study(name="long", model=MODEL, methods=["spsa"], search=search)
    arguments = ("submit", study, "--address", head, "--results", tmp_path)
    process = start(*arguments, "--follow")
    try:
        job_id = process.stdout.readline().removeprefix("submitted: ").strip()
        for line in process.stdout:
            if "/502 trials" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    finally:
        process.kill()
    assert process.returncode == 130, err
    where = f"{job_id} --follow --address {head}\nstop: zostudy stop {job_id} --address {head}\n"
    assert err.endswith(f"\n{job_id} goes on\nlook: zostudy logs {where}")

    assert find_job(HeadNode(head), job_id).status == "running"
    again = call(*arguments)
    assert again.code == 2
    assert f"error: one job at a time may write the results of a study, but {job_id} is running; " in again.err

    stopped = call("stop", job_id, "--address", head)
    assert stopped.code == 0
    assert stopped.out == f"stopped: {job_id}; finished trials are kept, submit the study again to go on\n"
    followed = call("logs", job_id, "--follow", "--address", head)
    assert followed.code == 130
    assert f"of 502 trials are kept in {tmp_path / 'long'}; run again to go on" in followed.out


@pytest.mark.ray
@pytest.mark.usefixtures("_token")
def test_a_job_imports_the_package_that_was_shipped_and_its_failure_is_the_outcome(
    head: str, call: Any, write_study: Any, tmp_path: Path
) -> None:
    path = write_study(name="shipped")
    (tmp_path / "packed").mkdir()
    environment = make_shipment(path, (), load_study(path)).pack(tmp_path / "packed")
    look = "import zostudy.lm, importlib.metadata; print(zostudy.lm.__file__, importlib.metadata.version('zostudy'))"
    command = f'{sys.executable} -c "{look}"; exit 1'
    metadata = {"zostudy_study": "shipped"}
    job_id = HeadNode(head).ask(
        lambda client: client.submit_job(entrypoint=command, runtime_env=environment, metadata=metadata)
    )
    followed = call("logs", job_id, "--follow", "--address", head)
    assert followed.code == 1
    assert followed.err.endswith(f"failed: {job_id} (exit code 1); submit the study again to go on\n")
    assert "/py_modules_files/" in followed.out.splitlines()[-1]


@pytest.mark.ray
def test_without_the_clusters_token_nobody_gets_in(
    head: str, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    missing = call("jobs", "--address", head)
    assert missing.code == 2
    assert missing.err.startswith(f"error: the cluster at {head} wants a token (401), but none was sent; set RAY")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN[::-1])
    wrong = call("jobs", "--address", head)
    assert wrong.code == 2
    assert wrong.err.startswith(f"error: the cluster at {head} refuses the token of RAY_AUTH_TOKEN; set RAY_AUTH_TOKEN")
    assert missing.err.count("\n") == wrong.err.count("\n") == 1
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    assert call("jobs", "--address", head).code == 0


def test_a_bad_study_is_told_as_run_tells_it_before_any_cluster_is_asked(call: Any, write_study: Any) -> None:
    study = write_study(methods=["zoza"])
    submitted = call("submit", study, "--address", "http://127.0.0.1:1")
    assert submitted.code == 2
    assert submitted.err == call("run", study).err
    assert "did you mean zosa?" in submitted.err
    many = call("submit", write_study(), "--address", "http://127.0.0.1:1", "--set", "replicas=0")
    assert many.code == 2
    assert many.err.startswith("error: --set replicas=0: replicas: must be auto or a whole number of at least 1")


def test_a_head_that_is_not_there_is_told_in_a_line(call: Any, write_study: Any) -> None:
    called = call("submit", write_study(), "--address", "http://127.0.0.1:1")
    assert called.code == 2
    reading, line = called.err.splitlines()
    assert reading == "tiny: reading reviews, checking mini-roberta"
    assert line.startswith("error: a Ray dashboard must answer at --address, but none does at http://127.0.0.1:1 (Con")


def _rows(folder: Path) -> list[dict[str, Any]]:
    rows = [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return [{key: value for key, value in row.items() if key not in DIFFERENT} for row in rows]


def _run_here(spec: StudySpec, ledger: Ledger) -> None:
    study = prepare(spec)
    model = read_model(study, "float32")
    torch.set_num_threads(1)
    pool = LocalPool(make_evaluator(spec.model, model.model, study.encoded, "float32"), model.micro_batch_size)
    progress = StudyProgress(study.plan, [])
    while (assignment := progress.next()) is not None:
        outcome = run_trial(spec, assignment, study.data, pool, lambda _: None)
        ledger.record(outcome)
        progress.record(outcome.trial, outcome.history)


def _write_reviews(path: Path) -> None:
    table = reviews()
    split_of = {int(row): split for split, rows in table.splits.items() for row in rows}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        for row, (text, label) in enumerate(zip(table.texts, table.labels, strict=True)):
            writer.writerow([text, table.class_names[label], split_of[row]])


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}


def _free_ports(n: int) -> list[int]:
    """Returns ports that no server of another test is given by chance: the system chooses none below 32768."""
    free: list[int] = []
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            free.append(port)
    return free[:n]


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/api/version", timeout=5)
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    raise AssertionError("the head asks nobody for a token")


def _wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    latest = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, "the head node did not start"
        assert time.monotonic() < latest, "the head node does not answer"
        time.sleep(0.2)
