"""What becomes of calls whose replica raises, hangs or cannot make its scorer; deaths are in the survival tests."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import ray
from numpy.typing import NDArray

from zostudy.cluster import pulse
from zostudy.cluster.pool import RayPool
from zostudy.cluster.pulse import Pulse
from zostudy.cluster.replica import Recipe, start_replica
from zostudy.errors import ModelError, NoReplicaError, ReplicaError
from zostudy.spec.study import ResourcesSpec

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
    pool = RayPool(lambda: [replica], Recipe(SickScorer, (tmp_path, 1)), unit_examples=4)
    scored = pool.score(LATENTS, ROWS, seed=0)
    np.testing.assert_array_equal(scored.scores[..., 0], ROWS)
    assert len([*tmp_path.iterdir()]) == 2


def test_what_a_fresh_process_raises_again_is_raised(replica: object, tmp_path: Path) -> None:
    pool = RayPool(lambda: [replica], Recipe(SickScorer, (tmp_path, 99)))
    with pytest.raises(RuntimeError, match=r"^device-side assert$"):
        pool.score(LATENTS, ROWS, seed=0)
    assert len([*tmp_path.iterdir()]) == 2


def test_an_accident_while_the_scorer_is_made_is_got_over(replica: object, tmp_path: Path) -> None:
    pool = RayPool(lambda: [replica], Recipe(sick_build, (tmp_path, 2)))
    np.testing.assert_array_equal(pool.score(LATENTS, ROWS, seed=0).scores[..., 0], ROWS)


def test_a_scorer_that_cannot_be_made_ends_the_study_and_fails_no_trial(replica: object, tmp_path: Path) -> None:
    with pytest.raises(NoReplicaError, match="the model must be there, but is not; get it"):
        RayPool(lambda: [replica], Recipe(missing_build, ())).score(LATENTS, ROWS, seed=0)
    with pytest.raises(NoReplicaError, match="OSError: stale file handle, 5 times; see that nodes") as refused:
        RayPool(lambda: [replica], Recipe(sick_build, (tmp_path, 99))).score(LATENTS, ROWS, seed=0)
    assert not isinstance(refused.value, ReplicaError)


def test_a_replica_that_keeps_silent_is_found(local_ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    @ray.remote(num_cpus=0)
    class Slow:
        def alive(self) -> None: ...

        def sleep(self) -> None:
            import time

            time.sleep(60)

    now = 0.0
    monkeypatch.setattr(pulse.time, "monotonic", lambda: now)
    well, hanging = Slow.remote(), Slow.remote()
    hanging.sleep.remote()
    watched = Pulse()
    assert watched.hanging([well, hanging]) == []
    ray.get(well.alive.remote())
    now = pulse.MOST_SILENT_SECONDS + 1
    assert watched.hanging([well, hanging]) == [hanging]
    assert watched.hanging([well]) == []
    ray.kill(hanging)
