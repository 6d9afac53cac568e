"""Timing a step of queries through a pool."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.pool import Pool


@dataclass(frozen=True)
class Step:
    """What one step took, or the median of several.

    Attributes:
        seconds: on the clock.
        driver_seconds: of this process's processor time, all its threads.
        replica_seconds: that replicas worked, summed.
    """

    seconds: float
    driver_seconds: float
    replica_seconds: float


def timed_step(pool: Pool, latents: NDArray[np.float32], rows: NDArray[np.int32]) -> Step:
    """Returns what it takes to score latents ``[q, d]`` on rows ``[q, b]``."""
    started, processor = time.perf_counter(), time.process_time()
    scored = pool.score(latents, rows, seed=0)
    return Step(time.perf_counter() - started, time.process_time() - processor, scored.seconds)


def median_step(steps: Sequence[Step]) -> Step:
    """Returns the median of each figure."""
    return Step(
        median(step.seconds for step in steps),
        median(step.driver_seconds for step in steps),
        median(step.replica_seconds for step in steps),
    )
