"""Two nodes of Ray on one machine; what only this process sees stands for a disk of its own."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from zostudy.cluster import visibility
from zostudy.cluster.visibility import check_visible
from zostudy.errors import ResultsError, ZostudyError
from zostudy.results.storage import Storage

pytestmark = [pytest.mark.ray, pytest.mark.slow]

A_HIGH_NUMBER = 900


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def hidden(tmp_path: Path) -> Iterator[Path]:
    """A folder under a name that leads to it in this process alone."""
    opened = os.open(tmp_path, os.O_RDONLY)
    number = fcntl.fcntl(opened, fcntl.F_DUPFD, A_HIGH_NUMBER)
    yield Path(f"/proc/self/fd/{number}")
    os.close(number)
    os.close(opened)


def test_a_folder_must_be_seen_by_every_node_as_soon_as_there_are_several(
    cluster: Cluster, hidden: Path, tmp_path: Path
) -> None:
    check_visible(Storage.at(hidden))
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    assert len(ray.nodes()) == 2
    with pytest.raises(
        ResultsError, match=rf"but {hidden} is not there on .*; give a path on shared storage"
    ) as refused:
        check_visible(Storage.at(hidden))
    named = {f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})" for node in ray.nodes()}
    assert all(name in str(refused.value) for name in named)
    assert "\n" not in str(refused.value)
    check_visible(Storage.at(tmp_path))
    assert not [*tmp_path.iterdir()]


def test_a_node_that_cannot_look_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def sees(path: str) -> bool:
        raise ModuleNotFoundError("No module named 'zostudy'")  # what happens where it is not installed

    monkeypatch.setattr(visibility, "_sees", sees)
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    with pytest.raises(ZostudyError, match=r"but .* \(\d.*\) cannot run it \(No module named 'zostudy'\); install"):
        check_visible(Storage.at(tmp_path))


def test_a_node_where_nothing_runs_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def get(answer: object) -> None:
        raise ray.exceptions.RuntimeEnvSetupError("pip failed")

    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    monkeypatch.setattr(ray, "get", get)
    with pytest.raises(ZostudyError, match=r"but .* cannot run it \(Failed to set up .* pip failed\); mend that"):
        check_visible(Storage.at(tmp_path))
