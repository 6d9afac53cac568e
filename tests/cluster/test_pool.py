"""One contract for every pool; the scorer is an exact stand-in whose scores name their query and row."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.cluster.fleet import start_replicas
from zostudy.cluster.pool import LocalPool, Pool, RayPool
from zostudy.cluster.replica import ScorerFactory
from zostudy.config.study import ResourcesSpec
from zostudy.errors import ModelError


class NamingScorer:
    """Scores are (latent sum, row, seed), so that any query out of place shows."""

    def __init__(self, die_once: Path | None = None) -> None:
        self._die_once = die_once

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        if self._die_once is not None and not self._die_once.exists():
            self._die_once.touch()
            os._exit(1)
        time.sleep(float(rows[0, 0] % 3) / 200)
        values = np.broadcast_to(latents.sum(1)[:, None], rows.shape)
        return np.stack([values, rows, np.full(rows.shape, seed)], axis=-1).astype(np.float32)


def failing_build() -> NamingScorer:
    raise ModelError("the model must be there", got="is not", remedy="get it")


@pytest.fixture(scope="module")
def pools(local_ray: None) -> dict[str, Pool]:
    factory = ScorerFactory(NamingScorer, ())
    replicas = start_replicas(2, ResourcesSpec(), factory)
    return {
        "local": LocalPool(NamingScorer()),
        "one replica": RayPool(replicas[:1].copy, factory),
        "two replicas": RayPool(replicas.copy, factory, first=1),
    }


@pytest.mark.ray
@pytest.mark.parametrize("name", ["local", "one replica", "two replicas"])
@pytest.mark.parametrize(("n_queries", "batch"), [(1, 1), (1, 1000), (17, 32), (64, 1), (3, 300)])
def test_scores_come_back_in_order(pools: dict[str, Pool], name: str, n_queries: int, batch: int) -> None:
    latents = np.arange(n_queries * 4, dtype=np.float32).reshape(n_queries, 4)
    rows = np.arange(n_queries * batch, dtype=np.int32).reshape(n_queries, batch)
    scored = pools[name].score(latents, rows, seed=11, group=2)
    assert scored.scores.shape == (n_queries, batch, 3)
    assert scored.scores.dtype == np.float32
    assert scored.seconds > 0
    np.testing.assert_array_equal(scored.scores[..., 0], np.broadcast_to(latents.sum(1)[:, None], rows.shape))
    np.testing.assert_array_equal(scored.scores[..., 1], rows)
    assert (scored.scores[..., 2] == 11).all()


@pytest.mark.ray
def test_a_replica_that_dies_is_restarted_and_its_work_done_again(local_ray: None, tmp_path: Path) -> None:
    mark = tmp_path / "died"
    factory = ScorerFactory(NamingScorer, (mark,))
    pool = RayPool(start_replicas(1, ResourcesSpec(), factory).copy, factory)
    rows = np.arange(500, dtype=np.int32)[None]
    scored = pool.score(np.ones((1, 2), np.float32), rows, seed=1)
    assert mark.exists()
    np.testing.assert_array_equal(scored.scores[0, :, 1], rows[0])


@pytest.mark.ray
def test_an_error_in_making_the_scorer_reaches_the_caller_as_itself(local_ray: None) -> None:
    with pytest.raises(ModelError, match="the model must be there"):
        start_replicas(1, ResourcesSpec(), ScorerFactory(failing_build, ()))
