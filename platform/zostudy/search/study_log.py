"""``study.log``: what a study did and when, in lines that a person can read long after."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from zostudy.results.outcome import Outcome
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress
from zostudy.search.watcher import Watcher

LOG_FILE = "study.log"


class StudyLog:
    """A watcher that writes down what it is told, and tells the next one.

    A line that cannot be written is left out: what matters is in the ledger, which says so itself when it cannot be.
    """

    def __init__(self, folder: Path, then: Watcher) -> None:
        """Appends to the log in a study's folder."""
        self._path = folder / LOG_FILE
        self._then = then

    def write(self, line: str) -> None:
        """Adds a line under the time of now."""
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}\n")

    def phase(self, what: str) -> None:
        """See ``Watcher``."""
        self.write(what)
        self._then.phase(what)

    def note(self, line: str) -> None:
        """See ``Watcher``."""
        self.write(line)
        self._then.note(line)

    def begin(self, progress: StudyProgress, n_replicas: int) -> None:
        """See ``Watcher``."""
        n_trials = sum(cell.n_trials for cell in progress.cells.values())
        self.write(f"{n_replicas} replica(s) ready; {progress.n_finished} of {n_trials} trials are stored")
        self._then.begin(progress, n_replicas)

    def trial_started(self, assignment: Assignment) -> None:
        """See ``Watcher``."""
        self.write(f"{assignment.name}: started")
        self._then.trial_started(assignment)

    def trial_progressed(self, assignment: Assignment, progress: TrialProgress) -> None:
        """See ``Watcher``; too much to write down."""
        self._then.trial_progressed(assignment, progress)

    def trial_finished(self, assignment: Assignment, outcome: Outcome) -> None:
        """See ``Watcher``."""
        row = outcome.trial
        found = f"failed: {row['error']}" if row["error"] else f"complete, dev AUC {row['dev_auc']:.3f}"
        self.write(f"{outcome.name}: {found}; {row['queries']:,} queries in {row['wall_seconds']:.1f} s")
        self._then.trial_finished(assignment, outcome)
