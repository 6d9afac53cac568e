"""Calls of real replicas that raise or hang; deaths are in the survival tests, and all else is on a fake Ray."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from numpy.typing import NDArray

from zostudy.cluster.hang_detector import MOST_BATCH_SECONDS, HangDetector
from zostudy.cluster.micro_batches import MicroBatch
from zostudy.cluster.pool import RayPool
from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import CONTROL, ScorerFactory
from zostudy.config.study import ResourcesSpec
from zostudy.errors import ClusterError

pytestmark = pytest.mark.ray

LATENTS, ROWS = np.zeros((6, 2), np.float32), np.arange(24, dtype=np.int32).reshape(6, 4)


class SickScorer:
    """Raises at every call in the first few processes, as a broken accelerator does, and scores in later ones."""

    def __init__(self, folder: Path, sick_processes: int) -> None:
        (folder / str(os.getpid())).touch()
        self._is_sick = len([*folder.iterdir()]) <= sick_processes

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        if self._is_sick:
            raise RuntimeError("device-side assert")
        return rows[..., None].astype(np.float32)


@pytest.fixture
def replica(local_ray: None) -> Any:
    return RayApi().start(ResourcesSpec())


def test_a_replica_that_raises_is_started_anew_and_its_work_done_again(replica: Any, tmp_path: Path) -> None:
    pool = RayPool(lambda: [replica], ScorerFactory(SickScorer, (tmp_path, 1)), micro_batch_size=4)
    scored = pool.score(LATENTS, ROWS, seed=0)
    np.testing.assert_array_equal(scored.scores[..., 0], ROWS)
    assert len([*tmp_path.iterdir()]) == 2


class LostScorer:
    """Raises what Ray does where a node has taken objects with it."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        raise ray.exceptions.RpcError("no route to host", 14)


def test_what_ray_itself_raises_is_no_fault_of_the_trial(replica: Any) -> None:
    with pytest.raises(ClusterError) as raised:
        RayPool(lambda: [replica], ScorerFactory(LostScorer, ())).score(LATENTS, ROWS, seed=0)
    assert "no route to host" in raised.value.got


class HangingScorer:
    """Works on a micro-batch until there is a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        while not self._path.exists():
            time.sleep(0.01)
        return rows[..., None].astype(np.float32)


class ManualClock(RayApi):
    """Ray with a clock of its own."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds


def test_a_replica_that_hangs_is_found_however_many_calls_wait(replica: Any, tmp_path: Path) -> None:
    path, clock = tmp_path / "there", ManualClock()
    detector = HangDetector(clock)
    batch = MicroBatch(slice(0, 6), slice(0, 4), LATENTS, ROWS, 0, 1)
    calls = [replica.score.remote(ScorerFactory(HangingScorer, (path,)), [batch, batch]) for _ in range(2)]
    while ray.get(current_batch(replica)) is None:
        time.sleep(0.01)

    def hanging() -> list[Any]:
        """Asks until the answer to the last call is in."""
        found = detector.hanging([replica])
        ray.get(current_batch(replica))  # the same thread has answered the one before
        return found

    assert hanging() == hanging() == []
    clock.seconds = MOST_BATCH_SECONDS + 1
    assert hanging() == [replica]
    path.touch()
    ray.get(calls)
    assert ray.get(current_batch(replica)) is None
    assert hanging() == []


def current_batch(replica: Any) -> Any:
    return replica.current_batch.options(concurrency_group=CONTROL).remote()
