"""Ray Tune's view of a study: a searcher that hands out trials and takes their outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.search import Searcher

from zostudy.cluster.replica_set import last_words
from zostudy.results.outcome import Outcome
from zostudy.search.pace import Pace
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import State, TrialProgress

METRIC = "dev_auc"
OUTCOME = "outcome"
PROGRESS = "progress"
SAVED = "saved"
FAULT = "fault"
REFUSED = "refused"

MOST_TRIES = 4


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
        pace: Pace,
        on_start: Callable[[Assignment], None],
        on_progress: Callable[[Assignment, TrialProgress], None],
        on_outcome: Callable[[Assignment, Outcome], None],
        on_crash: Callable[[Assignment, str], Outcome],
        on_fault: Callable[[str], None],
        save: Callable[[str, State], None],
        load: Callable[[str], State | None],
        refuse: Callable[[str, str], None],
    ) -> None:
        """Connects Tune to the study.

        Args:
            progress: where the study stands.
            pace: says whether one more trial may start.
            on_start: told of each trial that starts.
            on_progress: told of each trial's progress.
            on_outcome: takes each finished trial's outcome.
            on_crash: makes the outcome of a trial whose process died each time that it was tried, last of this.
            on_fault: told why no trial can go on; raises.
            save: keeps a trial's state, by the trial's name.
            load: gives the state that was saved last, or None.
            refuse: told which trial did not go on from that state, and why.
        """
        super().__init__(metric=METRIC, mode="max")
        self._progress = progress
        self._on_start, self._on_progress = on_start, on_progress
        self._on_outcome, self._on_crash, self._on_fault = on_outcome, on_crash, on_fault
        self._save, self._load, self._refuse = save, load, refuse
        self._running: dict[str, Assignment] = {}
        self._ended: set[str] = set()
        self._dead: dict[str, Assignment] = {}
        self._pace = pace
        self._deaths: Counter[str] = Counter()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """Returns the next trial's config, None to wait, or FINISHED."""
        if self._progress.done:
            return str(Searcher.FINISHED)
        assignment = self._progress.next() if self._pace.has_place else None
        if assignment is None:
            return None
        self._pace.asked(trial_id)
        self._running[trial_id] = assignment
        self._on_start(assignment)
        return {"assignment": assignment, "saved": self._load(assignment.name)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Passes a report of progress on, keeps what is saved, and takes the outcome that comes with the last one.

        Tune keeps each trial's last result for ever, so the lists in it are emptied here.
        """
        assignment = self._running[trial_id]
        if result[FAULT] is not None:
            self._on_fault(result[FAULT])
        if result[REFUSED] is not None:
            self._refuse(assignment.name, result[REFUSED])
        self._on_progress(assignment, result[PROGRESS])
        if result[SAVED]:
            self._save(assignment.name, result[SAVED].pop())
            del self._deaths[assignment.name]  # it has come further than those before it
        if result[OUTCOME]:
            self._on_outcome(assignment, result[OUTCOME].pop())
            self._ended.add(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Takes the end of a trial; one whose process died before its outcome came is about to be told of."""
        self._pace.ended(trial_id, in_good_health=not error)
        assignment = self._running.pop(trial_id)
        if trial_id in self._ended:
            self._ended.discard(trial_id)
        elif error:
            self._dead[trial_id] = assignment
        else:  # Tune has stopped it, as at Ctrl-C
            self._progress.release(assignment)

    def on_trial_error(self, trial_id: str, reason: str) -> None:
        """Tries a trial again whose process died before its outcome came; in the end records that it failed."""
        assignment = self._dead.pop(trial_id, None)
        if assignment is None:
            return
        self._deaths[assignment.name] += 1
        if self._deaths[assignment.name] < MOST_TRIES:
            self._progress.release(assignment)
        else:
            self._on_outcome(assignment, self._on_crash(assignment, reason))

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune writes its searcher down before it begins, and threads and terminals cannot be."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: see the class."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing: see the class."""


class Deaths(Callback):
    """Tells the searcher why a trial's process died; Tune itself tells it only that it did."""

    def __init__(self, searcher: StudySearcher) -> None:
        """Tells this one."""
        self._searcher = searcher

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has been told to have ended, and Tune has written down why."""
        text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
        self._searcher.on_trial_error(trial.trial_id, last_words(text))

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune writes its callbacks down before it begins."""
        return {}
