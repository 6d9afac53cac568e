"""The fleet on real nodes: it fills them, waits for them, follows them when they join and leave."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from numpy.typing import NDArray
from ray.cluster_utils import Cluster

from zostudy.cluster import fleet as under_test
from zostudy.cluster.fleet import Fleet
from zostudy.cluster.pool import RayPool
from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import CONTROL, Replica, ScorerFactory
from zostudy.config.study import ResourcesSpec
from zostudy.errors import ModelError, NoReplicaError, ZostudyError

pytestmark = pytest.mark.ray


class SigningScorer:
    """Scores name their row; a folder gets a file named by each process that scored."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        (self._folder / str(os.getpid())).touch()
        time.sleep(0.02)
        return rows[..., None].astype(np.float32)


def failing_build() -> SigningScorer:
    raise ModelError("the model must be there", got="is not", remedy="get it")


@pytest.fixture(scope="module")
def head(start_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    """A head node with one CPU, to which this process is connected."""
    cluster = start_cluster(1)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def cluster(head: Cluster) -> Iterator[Cluster]:
    """The head node alone, whatever nodes earlier tests have added."""
    yield head
    for node in list(head.worker_nodes):
        head.remove_node(node, allow_graceful=False)
    eventually(lambda: sum(node["Alive"] for node in ray.nodes()) == 1)


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    latest = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < latest
        time.sleep(0.2)


def check_scores(pool: RayPool) -> None:
    rows = np.arange(40, dtype=np.int32).reshape(10, 4)
    scored = pool.score(np.zeros((10, 2), np.float32), rows, seed=0)
    np.testing.assert_array_equal(scored.scores[..., 0], rows)


def alive() -> list[str]:
    return [name for name in ray.util.list_named_actors() if name.startswith("zostudy-replica-")]


def test_a_fleet_follows_the_nodes(cluster: Cluster, tmp_path: Path) -> None:
    def fleet(factory: ScorerFactory, resources: ResourcesSpec) -> Fleet:
        return Fleet("auto", resources, factory, attached=True, notify=notes.append)

    notes: list[str] = []
    with pytest.raises(ZostudyError) as too_large:
        fleet(factory_of(tmp_path), ResourcesSpec(cpus=2))
    assert too_large.value.got.startswith("wants 2 CPUs, and the largest has 1 CPU, ")
    assert "or set replicas to a number" in too_large.value.remedy
    with pytest.raises(NoReplicaError) as refused, fleet(FAILING, ResourcesSpec()) as failing:
        failing.await_first()
    assert refused.value.rule == "the model must be there"
    assert not notes

    with fleet(factory_of(tmp_path), ResourcesSpec()) as replicas:
        replicas.await_first()
        assert (replicas.n_made, replicas.n_replicas) == (1, 1)  # on the driver's CPU: there is no other
        replicas.keep(factory_of(tmp_path))
        pool = RayPool(replicas.list_replicas, factory_of(tmp_path), micro_batch_size=4)
        check_scores(pool)
        assert len([*tmp_path.iterdir()]) == 1

        first = cluster.add_node(num_cpus=2)
        eventually(lambda: replicas.n_replicas == 2)  # the driver has its CPU again, in the count at least

        def both_score() -> bool:
            check_scores(pool)
            return len([*tmp_path.iterdir()]) == 2

        eventually(both_score)

        cluster.add_node(num_cpus=2)
        eventually(lambda: replicas.n_replicas == 4)
        cluster.remove_node(first, allow_graceful=False)
        check_scores(pool)
        eventually(lambda: replicas.n_replicas == 3)
        check_scores(pool)
    eventually(lambda: not alive())


def test_replicas_beyond_what_fits_wait_for_nodes(cluster: Cluster, tmp_path: Path) -> None:
    notes: list[str] = []

    def notify(line: str) -> None:
        notes.append(line)
        cluster.add_node(num_cpus=2)

    with Fleet(2, ResourcesSpec(cpus=2), factory_of(tmp_path), attached=True, notify=notify) as fleet:
        fleet.await_first()
        assert (fleet.n_made, fleet.n_replicas) == (2, 1)
        [line] = notes
        assert line.startswith("waiting for the first replica, which wants 2 CPUs: the largest node has 1 CPU, ")
        fleet.keep(factory_of(tmp_path))
        check_scores(RayPool(fleet.list_replicas, factory_of(tmp_path)))
        cluster.add_node(num_cpus=2)
        eventually(lambda: fleet.n_replicas == 2)


class BrokenReplica(Replica):
    """Cannot start, as on a node without zostudy; Ray gives such a process up for ever."""

    def __init__(self) -> None:
        raise ImportError("No module named 'zostudy'")


class BrokenStarts(RayApi):
    """The first replica cannot start."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def start(self, resources: ResourcesSpec, name: str | None = None) -> Any:
        self.names.append(name or "")
        remote: Any = ray.remote
        actor = remote(concurrency_groups={CONTROL: 1})(Replica if len(self.names) != 1 else BrokenReplica)
        return actor.options(name=name, max_restarts=-1, num_cpus=1).remote()


def test_a_replica_that_cannot_start_is_made_again(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add_node(num_cpus=1)
    notes: list[str] = []
    monkeypatch.setattr(under_test, "SECONDS_BETWEEN_CHECKS", 0.1)
    monkeypatch.setattr(under_test, "SECONDS_WHILE_ONE_STARTS", 0.1)
    ray_api = BrokenStarts()
    with Fleet(2, ResourcesSpec(), factory_of(tmp_path), attached=False, notify=notes.append, ray_api=ray_api) as fleet:
        fleet.await_first()
        fleet.keep(factory_of(tmp_path))
        eventually(lambda: fleet.n_replicas == 2)
        check_scores(RayPool(fleet.list_replicas, factory_of(tmp_path)))
    assert len({*ray_api.names}) == len(ray_api.names) == 3
    assert all("its process cannot start (ImportError: No module named 'zostudy')" in line for line in notes)
    assert notes


FAILING = ScorerFactory(failing_build, ())


def factory_of(folder: Path) -> ScorerFactory:
    return ScorerFactory(SigningScorer, (folder,), identity=str(folder))
