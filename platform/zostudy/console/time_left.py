"""How long a study will still take, as a range that does not flicker."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import fmean, stdev

from zostudy.console.progress import duration

FIRST_SLICE = 3.0
"""Seconds; slices grow as a study goes on."""
LEAST_SLICES, MOST_SLICES = 3, 48
LEAST_DOUBT = 0.1
"""Share of the rate: slices tell nothing of work that is yet to come, such as slower methods."""


class TimeLeft:
    """Measures the rate in slices of time. What was told stands, but for the clock, while a new estimate lies in it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Waits for the first query.

        Args:
            clock: seconds.
        """
        self._clock, self._slice = clock, FIRST_SLICE
        self._marks: list[tuple[float, int]] = []
        self._told: tuple[float, float] | None = None

    def restart(self) -> None:
        """Forgets the rate, as other replicas work from now on."""
        self._slice, self._marks, self._told = FIRST_SLICE, [], None

    def progressed(self, n_queries: int) -> None:
        """Takes the number of queries spent so far."""
        if not self._marks or self._clock() - self._marks[-1][0] >= self._slice:
            self._marks.append((self._clock(), n_queries))
        if len(self._marks) > MOST_SLICES:
            self._marks, self._slice = self._marks[::2], self._slice * 2

    def range(self, n_queries: int, longest_trial: float = 0.0) -> tuple[float, float] | None:
        """Returns the least and the most seconds that are left, None while no rate is known.

        Args:
            n_queries: queries left.
            longest_trial: seconds that the slowest running trial still takes. A trial's steps follow each other, so
                that replicas without other work make it no faster.
        """
        now = self._clock()
        if (found := self._estimate(n_queries, longest_trial)) is None:
            return None
        low, middle, high = (now + seconds for seconds in found)
        if self._told is None or not self._told[0] <= middle <= self._told[1]:
            self._told = low, high
        elif self._told[0] <= now:  # the least has passed
            self._told = low, self._told[1]
        return max(0.0, self._told[0] - now), max(0.0, self._told[1] - now)

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
    """Returns such as ``ETA 1:50-2:20``, or ``ETA ?`` for None."""
    if seconds is None:
        return "ETA ?"
    low, high = map(duration, seconds)
    return f"ETA {low}" if low == high else f"ETA {low}-{high}"
