"""What several rooms' tests share."""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from tenacity import Retrying, stop_after_attempt

from zostudy.results.trial_row import TrialRow
from zostudy.yaml_text import dump_yaml

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

ROOT = Path(__file__).resolve().parents[1]

# Several test processes share the CPUs, and threads that wait for one another in each would cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Ray starts idle workers for each driver, two seconds of a processor each, which no study's environment fits.
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
# A node that is gone refuses five checks in a row; they follow one another sooner here. One that is only slow has as
# long as ever to answer each.
os.environ.setdefault("RAY_health_check_period_ms", "500")
# Hundreds of processes are started, which should not compile the package each for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts background jobs with these signals ignored, nohup with the third, and every child would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGQUIT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)

TINY: dict[str, Any] = {
    "name": "tiny",
    "model": {"name": "mini-roberta"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": [2], "minority_size": 6},
    "methods": ["spsa", "untuned"],
    "budget": {"queries": 24, "batch_size": 8, "evaluations": 2},
    "search": {"trials": 2, "space": {"perturbation_radius": {"low": 0.01, "high": 1.0, "log": True}}},
    "confirm": {"seeds": 2},
    "replicas": 1,
}

# A busy machine must fail no test, and every run must try the same examples.
settings.register_profile("zostudy", deadline=None, derandomize=True)
settings.load_profile("zostudy")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests on Ray or on a study run for them are slow. Several workers start with Ray's, so that none begins last."""
    for item in items:
        if item.get_closest_marker("ray") or "exported_study" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("ray") is None)


def pytest_collection_finish() -> None:
    """What the imports made stays for good: each full collection of garbage would walk it for a fifth of a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuses to bring a file to disk, as a full one does."""

    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fsync)


@pytest.fixture(scope="session", autouse=True)
def _keep_files_in_memory() -> Iterator[None]:
    """Files need not reach the disk: none of the thousands outlives the machine. Other processes still wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def few_trees() -> Iterator[None]:
    """Optuna's importances of the report from four trees in place of 64, where no test looks at the figures."""
    from optuna.importance import FanovaImportanceEvaluator

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optuna.importance.FanovaImportanceEvaluator", partial(FanovaImportanceEvaluator, n_trees=4))
        yield


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    """Undoes what a test, such as one that calls the command line, changes in zostudy's logging."""
    logger = logging.getLogger("zostudy")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def logged() -> list[str]:
    """The messages that zostudy logs while the test runs, from INFO on."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("zostudy")
    logger.handlers = [*logger.handlers, handler]
    logger.setLevel(logging.INFO)
    return messages


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder ``shared`` beside the repository, with real data and models; skips where it is missing."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"real data and models are not on this machine: there is no {folder}")
    return folder


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[..., Path]:
    """Writes the tiny study with some of its sections replaced; a section that is None is left out."""

    def write(**sections: Any) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(dump_yaml({key: value for key, value in (TINY | sections).items() if value is not None}))
        return path

    return write


@pytest.fixture(scope="session")
def make_row() -> Callable[..., TrialRow]:
    """Makes a row of ``trials``; keywords overrule columns."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    texts = dict.fromkeys(("study", "cell", "trial", "stage", "method", "algorithm", "model", "task"), "made")
    numbers = ("number", "n_minority", "n_majority", "seed", "budget", "batch_size", "queries", "examples")
    spent = dict.fromkeys((*numbers, "evaluation_examples"), 0) | {"wall_seconds": 0.0, "replica_seconds": 0.0}
    rest: dict[str, Any] = {"status": "complete", "params": {}, "versions": {}, "started_at": noon, "finished_at": noon}
    return lambda **columns: TrialRow(**{**texts, **spent, **rest, "imbalance_ratio": 1.0, **columns})


@pytest.fixture(scope="session")
def s3_uri() -> Iterator[Callable[[str], str]]:
    """Gives URIs in a bucket of an S3 server on loopback, by their path; the environment holds its credentials."""
    from moto.server import ThreadedMotoServer
    from pyarrow.fs import S3FileSystem

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = f"127.0.0.1:{server.get_host_and_port()[1]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "key-of-the-tests")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests")
        store = S3FileSystem(endpoint_override=endpoint, scheme="http", region="us-east-1", allow_bucket_creation=True)
        store.create_dir("studies")
        yield lambda path: f"s3://studies/{path}?region=us-east-1&scheme=http&endpoint_override={endpoint}"
    server.stop()


@pytest.fixture(scope="session")
def gs_uri() -> Iterator[Callable[[str], str]]:
    """Gives URIs in a bucket of a server on loopback that speaks Google's language, by their path."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A process of its own, as Arrow waits for Google's server without letting other threads go on.
    options = ["--host=127.0.0.1", f"--port={port}", "--in-memory", "--default-bucket=studies"]
    command = [sys.executable, "-c", "from gcp_storage_emulator.__main__ import main; main()", "start", *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    latest = time.monotonic() + 30
    while socket.socket().connect_ex(("127.0.0.1", port)):
        assert server.poll() is None
        assert time.monotonic() < latest
        time.sleep(0.1)
    yield lambda path: f"gs://studies/{path}?scheme=http&endpoint_override=127.0.0.1:{port}"
    server.kill()
    server.wait()


@pytest.fixture(scope="session")
def descendants() -> Callable[[str], list[Path]]:
    """Gives the folders in /proc of the processes that this one started, directly or not, by how their title begins."""

    def find(title: str) -> list[Path]:
        parents: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(FileNotFoundError, ProcessLookupError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        ours = {os.getpid()}
        while new := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= new
        return [path for pid in ours - {os.getpid()} if _title(path := Path(f"/proc/{pid}")).startswith(title)]

    return find


def _title(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


@contextmanager
def _lean_ray() -> Iterator[None]:
    """Starts of Ray without the processes that no test asks: they take as long as all others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        for process in ("api_server", "log_monitor", "monitor"):
            patch.setattr(f"ray._private.node.Node.start_{process}", lambda *_, **__: None)
        yield


@pytest.fixture(scope="session")
def start_cluster() -> Iterator[Callable[[int], Cluster]]:
    """Starts a cluster of one node by its CPUs. It may be shut down earlier than the tests end."""
    from ray.cluster_utils import Cluster

    from zostudy.cluster.local_ray import MOST_TRIES

    clusters: list[Cluster] = []

    def start(cpus: int) -> Cluster:
        with _lean_ray():
            head = {"num_cpus": cpus, "object_store_memory": 2**28}
            patiently = Retrying(stop=stop_after_attempt(MOST_TRIES), reraise=True)  # as zostudy starts its own
            clusters.append(patiently(Cluster, initialize_head=True, head_node_args=head))
        return clusters[-1]

    yield start
    for cluster in clusters:
        cluster.shutdown()


@pytest.fixture(scope="session")
def address(start_cluster: Callable[[int], Cluster]) -> str:
    """Of a cluster that all test files share, with room for a few one-CPU replicas. A study starts sooner there."""
    return str(start_cluster(6).address)


@pytest.fixture(scope="module")
def one_trial_at_a_time() -> Iterator[None]:
    """One trial for each replica in place of two: each more is a process, five seconds, and the results are equal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zostudy.search.tune.tuner.trials_at_once", lambda n_replicas, *others: n_replicas)
        yield


@pytest.fixture(scope="module")
def local_ray(address: str) -> Iterator[None]:
    """This process is connected to the shared cluster while the tests of a file run; a study does so by itself."""
    import ray

    ray.init(address=address, logging_level=logging.ERROR)
    yield
    ray.shutdown()
