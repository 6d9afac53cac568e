"""The adapter to Ray Tune: a searcher and a callback that pass Tune's calls on to the driver, and decide nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.search import Searcher

from zostudy.search.driver import StudyDriver
from zostudy.search.plan import Assignment
from zostudy.search.tune.pace import Pace
from zostudy.search.tune.trainable import CLUSTER_FAULT, FAULT, METRIC, OUTCOME, PROGRESS, REFUSED, SAVED
from zostudy.wording import last_line


class StudySearcher(Searcher):
    """Suggests the trials of all cells, so that they advance side by side under one ``Tuner``.

    Proposals are a pure function of finished results (``zostudy.search.proposer``), so it has no state to save: a
    later run resumes from the ledger.
    """

    def __init__(self, driver: StudyDriver, pace: Pace) -> None:
        """Connects Tune to the study's driver; the pace decides whether one more trial may start."""
        super().__init__(metric=METRIC, mode="max")
        self._driver, self._pace = driver, pace
        self._running: dict[str, Assignment] = {}
        self._finished: set[str] = set()
        self._crashed: dict[str, Assignment] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """Returns the next trial's config, None to wait, or FINISHED."""
        if self._driver.done:
            return str(Searcher.FINISHED)
        assignment = self._driver.next() if self._pace.can_start else None
        if assignment is None:
            return None
        self._pace.suggested(trial_id)
        self._running[trial_id] = assignment
        return {"assignment": assignment, "saved": self._driver.started(assignment)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Passes a report on. Its lists are emptied, as Tune keeps each trial's last result for ever."""
        assignment = self._running[trial_id]
        self._driver.begun(assignment)
        if result[FAULT] is not None:
            self._driver.end(result[FAULT])
        if result[CLUSTER_FAULT] is not None:
            self._driver.met_cluster_fault(assignment, result[CLUSTER_FAULT])
        if result[REFUSED] is not None:
            self._driver.could_not_resume(assignment, result[REFUSED])
        if result[PROGRESS] is not None:
            self._driver.progressed(assignment, result[PROGRESS])
        if result[SAVED]:
            self._driver.saved(assignment, result[SAVED].pop())
        if result[OUTCOME]:
            self._driver.finished(assignment, result[OUTCOME].pop())
            self._finished.add(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Takes the end of a trial. If it crashed before its outcome, Tune gives the reason in the next call."""
        self._pace.ended(trial_id, has_crashed=error)
        assignment = self._running.pop(trial_id)
        if trial_id in self._finished:
            self._finished.discard(trial_id)
        elif error:
            self._crashed[trial_id] = assignment
        else:
            self._driver.stopped(assignment)

    def on_trial_error(self, trial_id: str, reason: str) -> None:
        """Passes on why a trial's process died before its outcome."""
        if (assignment := self._crashed.pop(trial_id, None)) is not None:
            self._driver.died(assignment, reason)

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune pickles its searcher before it begins, and threads and terminals cannot be pickled."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: see the class."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing: see the class."""


class Deaths(Callback):
    """Gives the searcher the reason for which a trial's process died. Tune itself does not pass it on."""

    def __init__(self, searcher: StudySearcher) -> None:
        """Passes reasons on to this searcher."""
        self._searcher = searcher

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Called after the searcher's ``on_trial_complete``, when Tune has written the reason down.

        A process that is killed or does not start cannot report a reason itself.
        """
        text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
        self._searcher.on_trial_error(trial.trial_id, last_line(text))

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune pickles its callbacks before it begins."""
        return {}
