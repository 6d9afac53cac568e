"""Timing: contenders in turn, so that machine noise affects all equally; calls; and steps through a pool."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.pool import Pool

LEAST_SECONDS = 1.0
"""A quick call is repeated for this long."""

_log = logging.getLogger(__name__)

Name = TypeVar("Name")
Measured = TypeVar("Measured")


def in_turn(
    contenders: Mapping[Name, Callable[[], Measured]], rounds: int, what: str = ""
) -> dict[Name, list[Measured]]:
    """Returns the measurements of each contender, one a round. In every round all contenders are measured in order.

    The contenders should be warmed up. ``what`` names the measurement in the log; without it, no round is logged.
    """
    measured: dict[Name, list[Measured]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        if what:
            _log.info("%s: round %d of %d", what, number, rounds)
        for name, measure in contenders.items():
            measured[name].append(measure())
    return measured


def seconds_per_call(call: Callable[[], object]) -> float:
    """Returns the mean seconds of a call, repeated for ``LEAST_SECONDS``."""
    calls, began = 0, time.perf_counter()
    while True:
        call()
        calls += 1
        elapsed = time.perf_counter() - began
        if elapsed >= LEAST_SECONDS:
            return elapsed / calls


class StepTime(NamedTuple):
    """The time of one step, or the median of several.

    Attributes:
        seconds: of wall time.
        driver_seconds: of this process's processor time, in all its threads.
        replica_seconds: that replicas worked, summed.
    """

    seconds: float
    driver_seconds: float
    replica_seconds: float


def time_step(pool: Pool, latents: NDArray[np.float32], rows: NDArray[np.int32]) -> StepTime:
    """Scores latents ``[q, d]`` on rows ``[q, b]``, and returns the time of that."""
    started, processor = time.perf_counter(), time.process_time()
    scored = pool.score(latents, rows, seed=0)
    return StepTime(time.perf_counter() - started, time.process_time() - processor, scored.seconds)


def median_step(steps: Sequence[StepTime]) -> StepTime:
    """Returns the median of each figure."""
    return StepTime(*map(median, zip(*steps, strict=True)))
