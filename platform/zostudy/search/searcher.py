"""Ray Tune's view of a study: a searcher that hands out trials and takes their outcomes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from zostudy.results.outcome import Outcome
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import State, TrialProgress

METRIC = "dev_auc"
OUTCOME = "outcome"
PROGRESS = "progress"
SAVED = "saved"

MOST_TRIES = 4

SECONDS_BETWEEN_STARTS = 10.0
SECONDS_OF_A_START = 1.0


class StudySearcher(Searcher):
    """Suggests the trials of all cells, so that they advance side by side under one ``Tuner``.

    A trial whose process dies is suggested again, and goes on from what was last saved of it; so many times at most
    without getting further, as a long one may lose its node again and again.

    Proposals are a pure function of finished results (``zostudy.search.proposer``), so there is nothing to save:
    the ledger is what a later run goes on from.
    """

    def __init__(
        self,
        progress: StudyProgress,
        limit: Callable[[], int],
        on_start: Callable[[Assignment], None],
        on_progress: Callable[[Assignment, TrialProgress], None],
        on_outcome: Callable[[Assignment, Outcome], None],
        on_crash: Callable[[Assignment], Outcome],
        save: Callable[[str, State], None],
        load: Callable[[str], State | None],
    ) -> None:
        """Connects Tune to the study.

        Args:
            progress: where the study stands.
            limit: gives how many trials may run at once, at the moment.
            on_start: told of each trial that starts.
            on_progress: told of each trial's progress.
            on_outcome: takes each finished trial's outcome.
            on_crash: makes the outcome of a trial whose process died each time that it was tried.
            save: keeps a trial's state, by the trial's name.
            load: gives the state that was saved last, or None.
        """
        super().__init__(metric=METRIC, mode="max")
        self._progress, self._limit = progress, limit
        self._on_start, self._on_progress = on_start, on_progress
        self._on_outcome, self._on_crash = on_outcome, on_crash
        self._save, self._load = save, load
        self._running: dict[str, Assignment] = {}
        self._ended: set[str] = set()
        self._processes: dict[tuple[str, int], str] = {}  # where a trial ran, and which was the last there
        self._started = float("-inf")
        self._deaths: Counter[str] = Counter()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """Returns the next trial's config, None to wait, or FINISHED."""
        if self._progress.done:
            return str(Searcher.FINISHED)
        assignment = self._progress.next() if self._has_place() else None
        if assignment is None:
            return None
        self._running[trial_id] = assignment
        self._on_start(assignment)
        return {"assignment": assignment, "saved": self._load(assignment.name)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Passes a report of progress on, keeps what is saved, and takes the outcome that comes with the last one.

        Tune keeps each trial's last result for ever, so the lists in it are emptied here.
        """
        assignment = self._running[trial_id]
        self._processes[result["node_ip"], result["pid"]] = trial_id
        self._on_progress(assignment, result[PROGRESS])
        if result[SAVED]:
            self._save(assignment.name, result[SAVED].pop())
            del self._deaths[assignment.name]  # it has come further than those before it
        if result[OUTCOME]:
            self._on_outcome(assignment, result[OUTCOME].pop())
            self._ended.add(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tries a trial again whose process died before its outcome came; in the end records that it failed."""
        assignment = self._running.pop(trial_id)
        if trial_id in self._ended:
            self._ended.discard(trial_id)
            return
        self._processes = {place: last for place, last in self._processes.items() if last != trial_id}
        self._deaths[assignment.name] += 1
        if self._deaths[assignment.name] < MOST_TRIES:
            self._progress.release(assignment)
        else:
            self._on_outcome(assignment, self._on_crash(assignment))

    def _has_place(self) -> bool:
        """Returns whether one more trial may run: in a process that is free, or now and then in a new one.

        Tune gives a free process to a trial that waits for a new one, and stops the new one while it starts. For trials
        that end sooner than a process starts, it would start one after the other for nothing.
        """
        n_running = len(self._running)
        if n_running >= self._limit() or n_running < len(self._processes):
            return n_running < self._limit()
        since = time.monotonic() - self._started
        if since >= SECONDS_BETWEEN_STARTS:
            self._started = time.monotonic()
        return since >= SECONDS_BETWEEN_STARTS or since < SECONDS_OF_A_START

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune writes its searcher down before it begins, and threads and terminals cannot be."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: see the class."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing: see the class."""
