"""Checks of an attached cluster. A folder that only this process sees stands for a disk of its own."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray
from ray.cluster_utils import Cluster

from zostudy.cluster import attached
from zostudy.cluster.attached import check_visible
from zostudy.errors import ResultsError, ZostudyError
from zostudy.results.storage import Storage

A_HIGH_NUMBER = 900


@pytest.fixture(scope="module")
def cluster(start_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    """A cluster of one node, and of two as soon as a test has wanted a second."""
    cluster = start_cluster(1)
    ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def _has_two_nodes(cluster: Cluster) -> None:
    if not cluster.worker_nodes:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
    assert len(ray.nodes()) == 2


@pytest.fixture
def hidden(tmp_path: Path) -> Iterator[Path]:
    """A folder under a name that leads to it in this process alone."""
    opened = os.open(tmp_path, os.O_RDONLY)
    number = fcntl.fcntl(opened, fcntl.F_DUPFD, A_HIGH_NUMBER)
    yield Path(f"/proc/self/fd/{number}")
    os.close(number)
    os.close(opened)


@pytest.mark.ray
def test_a_folder_must_be_seen_by_every_node_as_soon_as_there_are_several(
    cluster: Cluster, hidden: Path, tmp_path: Path
) -> None:
    check_visible(Storage.at(hidden))
    _has_two_nodes(cluster)
    with pytest.raises(ResultsError) as refused:
        check_visible(Storage.at(hidden))
    assert refused.value.got.startswith(f"{hidden} is not there on ")
    named = {f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})" for node in ray.nodes()}
    assert all(name in str(refused.value) for name in named)
    assert "\n" not in str(refused.value)
    check_visible(Storage.at(tmp_path))
    assert not [*tmp_path.iterdir()]


@pytest.mark.ray
def test_a_node_that_cannot_look_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def sees(path: str) -> bool:
        raise ModuleNotFoundError("No module named 'zostudy'")  # what happens where it is not installed

    monkeypatch.setattr(attached, "_sees", sees)
    _has_two_nodes(cluster)
    with pytest.raises(ZostudyError) as refused:
        check_visible(Storage.at(tmp_path))
    assert re.search(r" \(\d.*\) cannot run it \(No module named 'zostudy'\)$", refused.value.got)
    assert refused.value.remedy.startswith("install it there")


@pytest.mark.ray
def test_a_node_where_nothing_runs_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def get(answer: object) -> None:
        raise ray.exceptions.RuntimeEnvSetupError("pip failed")

    _has_two_nodes(cluster)
    monkeypatch.setattr(ray, "get", get)
    with pytest.raises(ZostudyError) as refused:
        check_visible(Storage.at(tmp_path))
    assert re.search(r" cannot run it \(Failed to set up .* pip failed\)$", refused.value.got)


def test_a_head_that_stops_answering_is_reported_once_and_once_more_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attached, "SECONDS_BETWEEN_CHECKS", 0.02)
    over, notified, lines = threading.Event(), threading.Event(), list[str]()

    def notify(line: str) -> None:
        lines.append(line)
        notified.set()

    head = socket.create_server(("127.0.0.1", 0))
    port = head.getsockname()[1]
    watch = threading.Thread(target=attached._watch, args=(f"127.0.0.1:{port}", over, notify))
    watch.start()
    assert not notified.wait(0.2)
    head.close()
    assert notified.wait(10)
    notified.clear()
    assert not notified.wait(0.2)
    with socket.create_server(("127.0.0.1", port)):
        assert notified.wait(10)
        over.set()
        watch.join()
    gone, back = lines
    assert f"127.0.0.1:{port} does not answer" in gone
    assert "repeat the command" in gone
    assert back == f"the head node at 127.0.0.1:{port} answers again"


def test_nothing_is_notified_once_the_watch_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address="127.0.0.1:1"))
    monkeypatch.setattr(attached, "SECONDS_BETWEEN_CHECKS", 0.01)
    asked, answer = threading.Event(), threading.Event()
    failures, lines = iter(range(attached.FAILURES_BEFORE_NOTICE)), list[str]()

    def answers(head: str) -> bool:
        if next(failures, None) is not None:
            return False
        asked.set()
        return answer.wait(60)

    monkeypatch.setattr(attached, "_answers", answers)
    with attached.watched_head("auto", lines.append):
        assert asked.wait(60)
        threading.Timer(0.3, answer.set).start()
    assert answer.is_set()
    assert len(lines) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "zostudy-head-watch"]


def test_a_ray_of_ones_own_is_not_watched() -> None:
    before = threading.active_count()
    with attached.watched_head(None, print):
        assert threading.active_count() == before
