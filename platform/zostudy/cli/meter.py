"""How fast a study goes: queries and replica seconds against the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from zostudy.search.trial import TrialProgress


class Meter:
    """Counts what the trials of this run have spent so far."""

    def __init__(self, n_replicas: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Starts counting.

        Args:
            n_replicas: replicas that work.
            clock: seconds.
        """
        self._n_replicas, self._clock = n_replicas, clock
        self._started = clock()
        self._spent: dict[str, tuple[int, float]] = {}

    def progressed(self, trial: str, progress: TrialProgress) -> None:
        """Takes the latest figures of a trial."""
        self._spent[trial] = progress.queries, progress.replica_seconds

    def spent_by(self, trial: str) -> int:
        """Returns the queries that a trial has spent in this run."""
        return self._spent.get(trial, (0, 0.0))[0]

    @property
    def queries(self) -> int:
        """Queries spent in this run."""
        return sum(queries for queries, _ in self._spent.values())

    @property
    def queries_per_second(self) -> float:
        """Mean rate since the replicas were ready."""
        return self.queries / self._seconds

    @property
    def busy_share(self) -> float:
        """Share of the replicas' time that they worked, 0 to 1."""
        return min(1.0, sum(seconds for _, seconds in self._spent.values()) / (self._seconds * self._n_replicas))

    def seconds_for(self, n_queries: int) -> float | None:
        """Returns the seconds that so many more queries will take at the mean rate, None before the first query."""
        return n_queries / self.queries_per_second if self.queries else None

    @property
    def _seconds(self) -> float:
        return max(self._clock() - self._started, 1e-9)


def duration(seconds: float | None) -> str:
    """Returns ``1:05``, ``2:03:09``, or ``?`` for None."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
