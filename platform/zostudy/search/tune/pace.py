"""The pace of a study: how many trials run at once, and when a new process for one is worth its start."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray.tune import Callback

from zostudy.cluster.nodes import TRIAL_BYTES

MIB = 2**20
SECONDS_BETWEEN_STARTS = 10.0
MOST_SECONDS_BETWEEN_STARTS = 80.0
SECONDS_OF_A_START = 1.0
SECONDS_FREE = 2.0
MOST_SECONDS_WITHOUT_ANY = 60.0
"""After this time a user is told that trials wait for their processes."""


class Pace(Callback):
    """Lets a trial start at once in a process that has just become free, but only now and then in a new process.

    Tune gives a free process to a trial that waits for a new one, and then stops the new one. If trials end sooner
    than a process starts, most new processes are wasted. The time between starts is then doubled.
    """

    def __init__(self, limit: Callable[[], int], notify: Callable[[str], None]) -> None:
        """Starts with no trial running.

        Args:
            limit: returns how many trials may run at once now.
            notify: takes a line, once, if no trial gets a process.
        """
        self._limit, self._notify = limit, notify
        self._running: set[str] = set()
        self._waiting: set[str] = set()
        self._freed: list[float] = []  # times at which processes became free while no trial waited
        self._all_wait_since: float | None = None
        self._has_notified = False
        self._started = float("-inf")
        self._seconds_between = SECONDS_BETWEEN_STARTS
        self._n_started = self._n_wasted = 0

    @property
    def can_start(self) -> bool:
        """True if one more trial may start."""
        if len(self._running) >= self._limit():
            return False
        now = time.monotonic()
        self._freed = [then for then in self._freed if now - then < SECONDS_FREE]
        if self._freed or not self._running or now - self._started < SECONDS_OF_A_START:
            return True
        return now - self._started >= self._seconds_between

    def suggested(self, trial_id: str) -> None:
        """Called when a trial is handed to Tune."""
        self._running.add(trial_id)
        self._waiting.add(trial_id)
        if self._freed:
            self._freed.pop()
            return
        if time.monotonic() - self._started >= SECONDS_OF_A_START:
            self._start()
        self._n_started += 1

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Notifies once all running trials have waited long for a process. Tune calls this again and again."""
        if not self._waiting or self._waiting != self._running:
            self._all_wait_since = None
            return
        now = time.monotonic()
        self._all_wait_since = now if self._all_wait_since is None else self._all_wait_since
        if now - self._all_wait_since > MOST_SECONDS_WITHOUT_ANY and not self._has_notified:
            self._has_notified = True
            self._notify(
                f"no trial has a process yet, for which a node must have {TRIAL_BYTES / MIB:.0f} MiB of memory that no "
                "other job has asked Ray for; the study goes on when one has"
            )

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Called when a trial has a process."""
        self._waiting.discard(trial.trial_id)

    def ended(self, trial_id: str, has_crashed: bool) -> None:
        """Called when a trial has ended. Its process is free, unless it crashed or a waiting trial takes it at once."""
        self._running.discard(trial_id)
        self._waiting.discard(trial_id)
        if has_crashed:
            self._started = float("-inf")  # a new process is worth its start
        elif self._waiting:
            self._n_wasted += 1
        else:
            self._freed.append(time.monotonic())

    def _start(self) -> None:
        """Lets new processes start for a moment. The time to the next start depends on how many were wasted."""
        self._started = time.monotonic()
        doubled = min(2 * self._seconds_between, MOST_SECONDS_BETWEEN_STARTS)
        self._seconds_between = doubled if 2 * self._n_wasted > self._n_started else SECONDS_BETWEEN_STARTS
        self._n_started = self._n_wasted = 0

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune pickles its callbacks before it begins."""
        return {}
