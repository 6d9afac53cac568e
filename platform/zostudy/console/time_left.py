"""The time that a study will still take, as a range that changes rarely."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import fmean, stdev

from zostudy.console.progress import duration

FIRST_SLICE = 3.0  # seconds; slices grow while a study runs
LEAST_SLICES, MOST_SLICES = 3, 48
LEAST_DOUBT = 0.1  # share of the rate, as methods that come later may be slower than those measured so far


class TimeLeft:
    """Estimates the end of a study from the query rate in slices of time.

    A range of end times, once returned, stays until a new estimate lies outside of it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Forgets the rate, as the number of replicas has changed."""
        self._slice = FIRST_SLICE
        self._marks: list[tuple[float, int]] = []
        self._range: tuple[float, float] | None = None

    def progressed(self, n_queries: int) -> None:
        """Takes the number of queries spent so far."""
        if not self._marks or self._clock() - self._marks[-1][0] >= self._slice:
            self._marks.append((self._clock(), n_queries))
        if len(self._marks) > MOST_SLICES:
            self._marks, self._slice = self._marks[::2], self._slice * 2

    def range(self, n_queries: int, longest_trial: float = 0.0) -> tuple[float, float] | None:
        """Returns the least and the most seconds that the remaining queries will take; None while no rate is known.

        ``longest_trial``: seconds that the slowest running trial still needs, which idle replicas do not shorten.
        """
        now = self._clock()
        if (found := self._estimate(n_queries, longest_trial)) is None:
            return None
        low, middle, high = (now + seconds for seconds in found)
        if self._range is None or not self._range[0] <= middle <= self._range[1]:
            self._range = low, high
        elif self._range[0] <= now:  # the earliest end has passed
            self._range = low, self._range[1]
        return max(0.0, self._range[0] - now), max(0.0, self._range[1] - now)

    def _estimate(self, n_queries: int, longest_trial: float) -> tuple[float, float, float] | None:
        if n_queries <= 0:
            return 0.0, 0.0, 0.0
        rates = [(after - before) / (end - start) for (start, before), (end, after) in pairwise(self._marks)]
        if len(rates) < LEAST_SLICES or not any(rates):
            return None
        rate = fmean(rates)
        doubt = min(0.5, max(LEAST_DOUBT, 2 * stdev(rates) / len(rates) ** 0.5 / rate))
        middle = n_queries / rate
        if middle < longest_trial:
            middle, doubt = longest_trial, LEAST_DOUBT
        return middle / (1 + doubt), middle, middle / (1 - doubt)


def eta(seconds: tuple[float, float] | None) -> str:
    """Returns a range of seconds as text, such as ``ETA 1:50-2:20``; ``ETA ?`` for None."""
    if seconds is None:
        return "ETA ?"
    low, high = map(duration, seconds)
    return f"ETA {low}" if low == high else f"ETA {low}-{high}"
