"""Who is told how a study goes."""

from __future__ import annotations

from typing import Protocol

from zostudy.results.outcome import Outcome
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress


class Watcher(Protocol):
    """Told how a study goes; the live view is one."""

    def phase(self, what: str) -> None:
        """Something that takes seconds begins."""
        ...

    def note(self, line: str) -> None:
        """Something was found out that should stay to be read."""
        ...

    def begin(self, progress: StudyProgress, n_replicas: int) -> None:
        """The replicas are ready."""
        ...

    def resized(self, n_replicas: int) -> None:
        """Replicas have come or gone."""
        ...

    def trial_started(self, assignment: Assignment) -> None:
        """A trial begins."""
        ...

    def trial_progressed(self, assignment: Assignment, progress: TrialProgress) -> None:
        """A trial is further on."""
        ...

    def trial_finished(self, assignment: Assignment, outcome: Outcome) -> None:
        """A trial's outcome is in the ledger."""
        ...
