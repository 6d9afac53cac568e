"""The scale section: the pool's own efficiency, measured with replicas that only sleep."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from zostudy.bench.models import BATCH, batches, draw_latents
from zostudy.bench.pool import local_ray
from zostudy.bench.report import ScaleEfficiency
from zostudy.bench.scorers import SLEEP_SECONDS, SleepingScorer
from zostudy.bench.timing import median_step, time_step
from zostudy.cluster.fleet import start_replicas
from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import ScorerFactory
from zostudy.config.study import ResourcesSpec
from zostudy.wording import counted

_log = logging.getLogger(__name__)

SIZES = (1, 2, 4, 8, 16, 32, 64)
UNITS_PER_REPLICA = 8
STEPS = 5
STARTED_TOGETHER = 8
"""Processes that start at the same time. More of them would delay each other beyond Ray's patience."""


def measure_scale(sizes: Sequence[int]) -> tuple[ScaleEfficiency, ...]:
    """Returns the pool's efficiency by number of sleeping replicas. All start once; each size uses the first ones."""
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
    _log.info("scale: %s asleep", counted(n_replicas, "replica"))
    n_units = UNITS_PER_REPLICA * n_replicas
    latents, rows = draw_latents(n_units), batches(n_units)  # a query is a unit
    pool = RayPool(list(replicas).copy, factory, micro_batch_size=BATCH)
    time_step(pool, latents, rows)
    step = median_step([time_step(pool, latents, rows) for _ in range(STEPS)])
    return ScaleEfficiency(
        replicas=n_replicas,
        unit_seconds=SLEEP_SECONDS,
        units=n_units,
        step_seconds=step.seconds,
        efficiency=n_units * SLEEP_SECONDS / (n_replicas * step.seconds),
        driver_seconds=step.driver_seconds,
    )
