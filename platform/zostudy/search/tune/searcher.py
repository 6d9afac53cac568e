"""Ray Tune's searcher and callback of a study: they pass Tune's words on to the driver, and decide nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.search import Searcher

from zostudy.cluster.replica_set import last_words
from zostudy.search.driver import StudyDriver
from zostudy.search.plan import Assignment
from zostudy.search.tune.pace import Pace
from zostudy.search.tune.trainable import FAULT, METRIC, OUTCOME, PROGRESS, REFUSED, SAVED


class StudySearcher(Searcher):
    """Suggests the trials of all cells, so that they advance side by side under one ``Tuner``.

    Proposals are a pure function of finished results (``zostudy.search.proposer``), so there is nothing to save:
    the ledger is what a later run goes on from.
    """

    def __init__(self, driver: StudyDriver, pace: Pace) -> None:
        """Connects Tune to the study's driver; the pace says whether one more trial may start."""
        super().__init__(metric=METRIC, mode="max")
        self._driver, self._pace = driver, pace
        self._running: dict[str, Assignment] = {}
        self._ended: set[str] = set()
        self._dead: dict[str, Assignment] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """Returns the next trial's config, None to wait, or FINISHED."""
        if self._driver.done:
            return str(Searcher.FINISHED)
        assignment = self._driver.next() if self._pace.has_place else None
        if assignment is None:
            return None
        self._pace.asked(trial_id)
        self._running[trial_id] = assignment
        return {"assignment": assignment, "saved": self._driver.started(assignment)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Passes a report on.

        Tune keeps each trial's last result for ever, so the lists in it are emptied here.
        """
        assignment = self._running[trial_id]
        if result[FAULT] is not None:
            self._driver.end(result[FAULT])
        if result[REFUSED] is not None:
            self._driver.could_not_resume(assignment, result[REFUSED])
        self._driver.progressed(assignment, result[PROGRESS])
        if result[SAVED]:
            self._driver.saved(assignment, result[SAVED].pop())
        if result[OUTCOME]:
            self._driver.finished(assignment, result[OUTCOME].pop())
            self._ended.add(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Takes the end of a trial; why a process died before its outcome came, ``on_trial_error`` is told next."""
        self._pace.ended(trial_id, in_good_health=not error)
        assignment = self._running.pop(trial_id)
        if trial_id in self._ended:
            self._ended.discard(trial_id)
        elif error:
            self._dead[trial_id] = assignment
        else:
            self._driver.stopped(assignment)

    def on_trial_error(self, trial_id: str, reason: str) -> None:
        """Passes on why a trial's process died before its outcome came."""
        if (assignment := self._dead.pop(trial_id, None)) is not None:
            self._driver.died(assignment, reason)

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
        """Called after the searcher's ``on_trial_complete``, when Tune has written down why."""
        text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
        self._searcher.on_trial_error(trial.trial_id, last_words(text))

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune writes its callbacks down before it begins."""
        return {}
