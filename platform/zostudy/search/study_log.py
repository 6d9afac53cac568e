"""``study.log``: the events of a study with their times, as lines of text."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

from zostudy.errors import ResultsError
from zostudy.results.outcome import Outcome
from zostudy.results.storage import Storage
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.wording import counted, printable

LOG_FILE = "study.log"
# An object store cannot append, so the whole log goes there, now and then.
SECONDS_BETWEEN_UPLOADS = 30.0


class StudyLog(Callback):
    """Writes the events of a study to its log.

    A line that cannot be written is left out. Results are in the ledger, which raises if it cannot be written.
    """

    def __init__(self, storage: Storage) -> None:
        """Appends to the log in a study's storage.

        Raises:
            ResultsError: the log in an object store cannot be read.
        """
        self._storage = storage
        self._uploaded = time.monotonic()
        self._text = "" if self._storage.folder else _stored(self._storage)

    def write(self, line: str) -> None:
        """Adds a line with the current time."""
        text = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {printable(line)}\n"
        if self._storage.folder:
            with suppress(OSError), (self._storage.folder / LOG_FILE).open("a", encoding="utf-8") as file:
                file.write(text)
            return
        self._text += text
        if time.monotonic() - self._uploaded >= SECONDS_BETWEEN_UPLOADS:
            self.close()

    def close(self) -> None:
        """Uploads the last lines to an object store."""
        self._uploaded = time.monotonic()
        if not self._storage.folder:
            with suppress(ResultsError):
                self._storage.write(LOG_FILE, self._text.encode())

    def on_phase(self, what: str) -> None:
        """See ``Callback``."""
        self.write(what)

    def on_note(self, line: str) -> None:
        """See ``Callback``."""
        self.write(line)

    def on_study_start(self, progress: StudyProgress, n_replicas: int) -> None:
        """See ``Callback``."""
        stored = f"{progress.n_finished} of {progress.n_trials} trials are stored"
        self.write(f"{counted(n_replicas, 'replica')} ready; {stored}")

    def on_replicas_changed(self, n_replicas: int) -> None:
        """See ``Callback``."""
        self.write(f"{counted(n_replicas, 'replica')} ready now")

    def on_trial_start(self, assignment: Assignment) -> None:
        """See ``Callback``."""
        self.write(f"{assignment.name}: started")

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        """See ``Callback``."""
        row = outcome.trial
        found = f"failed: {row.error}" if row.dev_auc is None else f"{row.status}, dev AUC {row.dev_auc:.3f}"
        self.write(f"{outcome.name}: {found}; {row.queries:,} queries in {row.wall_seconds:.1f} s")


def _stored(storage: Storage) -> str:
    if not storage.exists(LOG_FILE):
        return ""
    try:
        return storage.read(LOG_FILE).decode(errors="replace")
    except OSError as error:
        raise ResultsError(
            "a log must be readable to be continued",
            got=f"{storage / LOG_FILE} is not ({error.strerror or error})",
            remedy="run again when the store answers",
        ) from error
