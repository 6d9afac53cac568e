"""The scale section: how far the pool itself goes, with replicas that only sleep."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.bench.ray_session import local_ray
from zostudy.bench.report import ScaleEfficiency
from zostudy.bench.steps import median_step, timed_step
from zostudy.bench.subjects import BATCH, batches, draw_latents
from zostudy.cluster.fleet import start_replicas
from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import ScorerFactory
from zostudy.config.study import ResourcesSpec

_log = logging.getLogger(__name__)

SIZES = (1, 2, 4, 8, 16, 32, 64)
UNIT_SECONDS = 0.05
UNITS_PER_REPLICA = 8
STEPS = 5
STARTED_TOGETHER = 8
"""Processes that come up side by side: more of them keep each other from being ready in time."""


class SleepingScorer:
    """Stands in for a model on a processor of its own: takes the time of a unit, and none of this machine's."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns zeros ``[q, b, 2]`` after ``UNIT_SECONDS``."""
        time.sleep(UNIT_SECONDS)
        return np.zeros((*rows.shape, 2), dtype=np.float32)


def measure_scale(sizes: Sequence[int]) -> tuple[ScaleEfficiency, ...]:
    """Returns the pool's efficiency by number of sleeping replicas; all start once, and the first ones are used."""
    with local_ray(max(sizes)):
        factory = ScorerFactory(SleepingScorer, ())
        replicas: list[Any] = []
        while len(replicas) < max(sizes):
            _log.info("scale: starting sleeping replicas, %d of %d are up", len(replicas), max(sizes))
            wave = min(STARTED_TOGETHER, max(sizes) - len(replicas))
            replicas += start_replicas(wave, ResourcesSpec(cpus=1), factory)
        return tuple(_efficiency(replicas[:size], factory) for size in sizes)


def _efficiency(replicas: Sequence[Any], factory: ScorerFactory) -> ScaleEfficiency:
    n_replicas = len(replicas)
    _log.info("scale: %d sleeping replica(s)", n_replicas)
    n_units = UNITS_PER_REPLICA * n_replicas
    latents, rows = draw_latents(n_units), batches(n_units)  # a query is a unit
    pool = RayPool(list(replicas).copy, factory, micro_batch_size=BATCH)
    timed_step(pool, latents, rows)
    step = median_step([timed_step(pool, latents, rows) for _ in range(STEPS)])
    return ScaleEfficiency(
        replicas=n_replicas,
        unit_seconds=UNIT_SECONDS,
        units=n_units,
        step_seconds=step.seconds,
        efficiency=n_units * UNIT_SECONDS / (n_replicas * step.seconds),
        driver_seconds=step.driver_seconds,
    )
