"""The callback that passes trials to a tracker, which works in a thread of its own. Its failure ends no study."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from threading import Thread

from zostudy.errors import one_line_of
from zostudy.results.outcome import Outcome
from zostudy.results.storage import Storage
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.tracking.trackers import open_tracker
from zostudy.tracking.trial import Tracker, tracked_trial

SECONDS_AT_THE_END = 60.0

_log = logging.getLogger(__name__)


class TrackerCallback(Callback):
    """Passes each trial that ends to a tracker, in their order and without waiting for it."""

    def __init__(self, tracker: Tracker) -> None:
        """Starts the thread of the tracker."""
        self._tracker = tracker
        self._ended: SimpleQueue[Outcome | None] = SimpleQueue()
        self._n_ended = self._n_added = 0
        self._has_failed = False
        self._thread = Thread(target=self._work, name=tracker.name, daemon=True)
        self._thread.start()

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        """Queues the trial."""
        self._n_ended += 1
        self._ended.put(outcome)

    def close(self, seconds: float = SECONDS_AT_THE_END) -> None:
        """Waits at most some seconds for the last trials, and says how many the tracker lacks."""
        self._ended.put(None)
        self._thread.join(seconds)
        if n_missing := self._n_ended - self._n_added:
            _log.warning(
                "%s lacks %d of %d trials; the results have all of them", self._tracker.name, n_missing, self._n_ended
            )

    def _work(self) -> None:
        for outcome in iter(self._ended.get, None):
            try:
                self._tracker.add(tracked_trial(outcome))
                self._n_added += 1
            except Exception as error:
                if not self._has_failed:
                    self._has_failed = True
                    _log.warning("%s fails, and the study goes on: %s", self._tracker.name, one_line_of(error))


@contextmanager
def tracker_callbacks(names: Sequence[str], study: Storage) -> Iterator[list[Callback]]:
    """Gives a callback for each tracker named, and at the end waits for what they still have to send.

    Raises:
        ZostudyError: a tracker is unknown, its package is not installed, or it cannot be reached.
    """
    with ExitStack() as closing:
        followers = [TrackerCallback(open_tracker(name, study)) for name in dict.fromkeys(names)]
        for follower in followers:
            closing.callback(follower.close)
        yield [*followers]
