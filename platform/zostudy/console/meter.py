"""The speed of a running study: its queries and replica seconds over time."""

from __future__ import annotations

import time
from collections.abc import Callable

from zostudy.search.trial import TrialProgress


class Meter:
    """Counts the queries and replica seconds of this run's trials. Time counts from the first report on.

    Attributes:
        queries: spent in this run.
    """

    def __init__(self, n_replicas: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._n_replicas, self._clock = n_replicas, clock
        self._sized, self._offered = clock(), 0.0
        self._spent: dict[str, tuple[int, float]] = {}
        self.queries, self._seconds = 0, 0.0
        self._first: tuple[float, int, float] | None = None
        self._first_of: dict[str, tuple[float, int]] = {}

    def progressed(self, trial: str, progress: TrialProgress) -> None:
        """Takes the latest counts of a trial, which never fall: queries of a trial that died stay counted."""
        before = self._spent.get(trial, (progress.earlier_queries, progress.earlier_seconds))
        self._spent[trial] = now = max(before, (progress.queries, progress.replica_seconds))
        self.queries, self._seconds = self.queries + now[0] - before[0], self._seconds + now[1] - before[1]
        self._first_of.setdefault(trial, (self._clock(), progress.queries))
        if self._first is None:
            self._first = self._clock(), self.queries, self._seconds
            self._sized, self._offered = self._clock(), 0.0

    def resize(self, n_replicas: int) -> None:
        """Sets the number of replicas from now on."""
        self._offered += (self._clock() - self._sized) * self._n_replicas
        self._sized, self._n_replicas = self._clock(), n_replicas

    def spent_by(self, trial: str) -> int:
        """Returns a trial's queries, also those of earlier runs."""
        return self._spent.get(trial, (0, 0.0))[0]

    def seconds_per_query(self, trial: str) -> float:
        """Returns the seconds from one query of a running trial to its next, on average; 0 before its second report."""
        if trial not in self._first_of:
            return 0.0
        since, queries = self._first_of[trial]
        spent = self.spent_by(trial) - queries
        return (self._clock() - since) / spent if spent > 0 else 0.0

    @property
    def queries_per_second(self) -> float:
        """Mean rate since the first report; 0 before the second."""
        if self._first is None:
            return 0.0
        started, queries, _ = self._first
        return (self.queries - queries) / max(self._clock() - started, 1e-9)

    @property
    def busy_share(self) -> float:
        """Share of the replicas' time that they worked, 0 to 1."""
        if self._first is None:
            return 0.0
        worked = self._seconds - self._first[2]
        offered = self._offered + (self._clock() - self._sized) * self._n_replicas
        return min(1.0, worked / max(offered, 1e-9))
