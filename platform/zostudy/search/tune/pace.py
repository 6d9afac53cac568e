"""Decides when one more trial may start: below the limit, and where a new process is worth its start."""

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
"""After which a user is told that trials wait for their processes."""


class Pace(Callback):
    """Lets a trial start in a process that has just become free, and only now and then in new ones.

    Tune gives a free process to a trial that waits for a new one, and stops the new one while it starts. For trials
    that end sooner than a process starts, it would start one after the other for nothing; so whenever most of the new
    ones were for nothing, the next come after twice the time.
    """

    def __init__(self, limit: Callable[[], int], tell: Callable[[str], None]) -> None:
        """Nothing runs yet.

        Args:
            limit: gives how many trials may run at once, at the moment.
            tell: takes a line, once, when no trial gets a process.
        """
        self._limit, self._tell = limit, tell
        self._running: set[str] = set()
        self._waiting: set[str] = set()
        self._freed: list[float] = []  # when processes became free that nobody waited for
        self._all_wait_since: float | None = None
        self._has_told = False
        self._started = float("-inf")
        self._seconds_between = SECONDS_BETWEEN_STARTS
        self._n_started = self._n_for_nothing = 0

    @property
    def has_place(self) -> bool:
        """Whether one more trial may start."""
        if len(self._running) >= self._limit():
            return False
        now = time.monotonic()
        self._freed = [then for then in self._freed if now - then < SECONDS_FREE]
        if self._freed or not self._running or now - self._started < SECONDS_OF_A_START:
            return True
        return now - self._started >= self._seconds_between

    def asked(self, trial_id: str) -> None:
        """A trial is handed to Tune."""
        self._running.add(trial_id)
        self._waiting.add(trial_id)
        if self._freed:
            self._freed.pop()
            return
        if time.monotonic() - self._started >= SECONDS_OF_A_START:
            self._start()
        self._n_started += 1

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tells of it when all trials have waited for a process for long; Tune's loop comes by again and again."""
        if not self._waiting or self._waiting != self._running:
            self._all_wait_since = None
            return
        now = time.monotonic()
        self._all_wait_since = now if self._all_wait_since is None else self._all_wait_since
        if now - self._all_wait_since > MOST_SECONDS_WITHOUT_ANY and not self._has_told:
            self._has_told = True
            self._tell(
                f"no trial has a process yet, for which a node must have {TRIAL_BYTES / MIB:.0f} MiB of memory that no "
                "other job has asked Ray for; the study goes on when one has"
            )

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has a process."""
        self._waiting.discard(trial.trial_id)

    def ended(self, trial_id: str, in_good_health: bool) -> None:
        """Called when a trial has ended. Its process is free, unless it died or a waiting trial takes it at once."""
        self._running.discard(trial_id)
        self._waiting.discard(trial_id)
        if not in_good_health:
            self._started = float("-inf")  # a new one is worth its start
        elif self._waiting:
            self._n_for_nothing += 1
        else:
            self._freed.append(time.monotonic())

    def _start(self) -> None:
        """New processes start from now on, for a moment; what became of the last ones says when the next may."""
        self._started = time.monotonic()
        for_nothing = 2 * self._n_for_nothing > self._n_started
        longer = min(2 * self._seconds_between, MOST_SECONDS_BETWEEN_STARTS)
        self._seconds_between = longer if for_nothing else SECONDS_BETWEEN_STARTS
        self._n_started = self._n_for_nothing = 0

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune writes its callbacks down before it begins."""
        return {}
