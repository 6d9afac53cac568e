"""What becomes of calls whose replica raises, hangs or cannot make its scorer; deaths are in the survival tests."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from numpy.typing import NDArray

from zostudy.cluster import pulse
from zostudy.cluster.pool import RayPool
from zostudy.cluster.pulse import Pulse
from zostudy.cluster.replica import ASIDE, ScorerFactory, start_replica
from zostudy.cluster.units import Unit
from zostudy.config.study import ResourcesSpec
from zostudy.errors import ClusterError, ModelError, NoReplicaError, ReplicaError

pytestmark = pytest.mark.ray

LATENTS, ROWS = np.zeros((6, 2), np.float32), np.arange(24, dtype=np.int32).reshape(6, 4)


class SickScorer:
    """Raises in so many processes, again and again in each, as a broken accelerator does; then it is well."""

    def __init__(self, folder: Path, sick_processes: int) -> None:
        (folder / str(os.getpid())).touch()
        self._is_sick = len([*folder.iterdir()]) <= sick_processes

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        if self._is_sick:
            raise RuntimeError("device-side assert")
        return rows[..., None].astype(np.float32)


def sick_build(folder: Path, sick_processes: int) -> SickScorer:
    (folder / str(os.getpid())).touch()
    if len([*folder.iterdir()]) <= sick_processes:
        raise OSError("stale file handle")
    return SickScorer(folder, 0)


def missing_build() -> SickScorer:
    raise ModelError("the model must be there, but is not; get it")


@pytest.fixture
def replica(local_ray: None) -> object:
    return start_replica(ResourcesSpec())


def test_a_replica_that_raises_is_started_anew_and_its_work_done_again(replica: object, tmp_path: Path) -> None:
    pool = RayPool(lambda: [replica], ScorerFactory(SickScorer, (tmp_path, 1)), unit_examples=4)
    scored = pool.score(LATENTS, ROWS, seed=0)
    np.testing.assert_array_equal(scored.scores[..., 0], ROWS)
    assert len([*tmp_path.iterdir()]) == 2


def test_what_a_fresh_process_raises_again_is_raised(replica: object, tmp_path: Path) -> None:
    pool = RayPool(lambda: [replica], ScorerFactory(SickScorer, (tmp_path, 99)))
    with pytest.raises(RuntimeError, match=r"^device-side assert$"):
        pool.score(LATENTS, ROWS, seed=0)
    assert len([*tmp_path.iterdir()]) == 2


def test_an_accident_while_the_scorer_is_made_is_got_over(replica: object, tmp_path: Path) -> None:
    pool = RayPool(lambda: [replica], ScorerFactory(sick_build, (tmp_path, 2)))
    np.testing.assert_array_equal(pool.score(LATENTS, ROWS, seed=0).scores[..., 0], ROWS)


def test_a_scorer_that_cannot_be_made_ends_the_study_and_fails_no_trial(replica: object, tmp_path: Path) -> None:
    with pytest.raises(NoReplicaError, match="the model must be there, but is not; get it"):
        RayPool(lambda: [replica], ScorerFactory(missing_build, ())).score(LATENTS, ROWS, seed=0)
    with pytest.raises(NoReplicaError, match="OSError: stale file handle, 5 times; see that nodes") as refused:
        RayPool(lambda: [replica], ScorerFactory(sick_build, (tmp_path, 99))).score(LATENTS, ROWS, seed=0)
    assert not isinstance(refused.value, ReplicaError | ClusterError)


class LostScorer:
    """Raises what Ray does where a node has taken objects with it."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        raise ray.exceptions.RpcError("no route to host", 14)


def test_what_ray_itself_raises_is_no_fault_of_the_trial(replica: object) -> None:
    with pytest.raises(ClusterError, match=r"but does not .*no route to host.*; see that its nodes live"):
        RayPool(lambda: [replica], ScorerFactory(LostScorer, ())).score(LATENTS, ROWS, seed=0)


class HangingScorer:
    """Works on a unit until there is a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        while not self._path.exists():
            time.sleep(0.01)
        return rows[..., None].astype(np.float32)


def test_a_replica_that_hangs_in_a_unit_is_found_however_many_calls_wait_for_it_and_the_others(
    replica: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(pulse.time, "monotonic", lambda: now)
    path, watched = tmp_path / "there", Pulse()
    unit = Unit(LATENTS, ROWS, 0, 1)
    calls = [replica.score.remote(ScorerFactory(HangingScorer, (path,)), [unit, unit]) for _ in range(2)]
    while ray.get(at_work(replica)) is None:
        time.sleep(0.01)

    def hanging() -> list[Any]:
        """Asks until the answer to the last call is in."""
        found = watched.hanging([replica])
        ray.get(at_work(replica))  # the same thread has answered the one before
        return found

    assert hanging() == []
    assert hanging() == []
    now = pulse.MOST_UNIT_SECONDS
    assert hanging() == []
    now += 1
    assert hanging() == [replica]
    path.touch()
    ray.get(calls)
    assert ray.get(at_work(replica)) is None
    assert hanging() == []
    for _ in range(3):  # with nothing to do it does not hang
        now += pulse.MOST_UNIT_SECONDS + 1
        assert hanging() == []


def at_work(replica: Any) -> Any:
    return replica.at_work.options(concurrency_group=ASIDE).remote()
