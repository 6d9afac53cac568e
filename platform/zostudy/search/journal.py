"""Optuna's journal beside the results: one Optuna study a cell, its search trials in order, for Optuna's own tools.

Only written, never read back into a search: the ledger is what a study goes on from.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from zostudy.errors import ResultsError
from zostudy.results.storage import Storage
from zostudy.search.progress import CellProgress, StudyProgress
from zostudy.search.proposer import frozen_trial
from zostudy.search.space import distributions

JOURNAL_FILE = "optuna.journal"
SECONDS_BETWEEN_UPLOADS = 10.0


class Journal:
    """Appends search trials to ``optuna.journal`` as soon as all trials before them are there.

    Optuna writes to a file: in an object store the journal is one of a temporary folder that is uploaded as a whole,
    now and then and at the end.
    """

    def __init__(self, place: Storage, progress: StudyProgress) -> None:
        """Opens or makes the journal, and catches up with the ledger.

        A journal that a crash left torn is set aside, and written anew.

        Raises:
            ResultsError: it cannot be written.
        """
        self._place, self._ending = place, ExitStack()
        self._folder = place.folder or Path(self._ending.enter_context(tempfile.TemporaryDirectory(prefix="zostudy-")))
        self._uploaded = time.monotonic()
        self.damaged: str | None = None
        try:
            self._open(progress)
        except (ValueError, KeyError):  # what Optuna raises of a line that it cannot read
            self.damaged = _set_aside(place)
            self._open(progress)

    def __enter__(self) -> Journal:
        """Returns itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Brings the last trials to an object store."""
        with self._ending:
            self._upload()

    def update(self, cell: CellProgress) -> None:
        """Adds the cell's finished search trials that the journal lacks, as far as none before them is missing.

        Raises:
            ResultsError: they cannot be written.
        """
        try:
            self._update(cell)
        except OSError as error:
            raise ResultsError(
                f"results must be writable, but {self._place / JOURNAL_FILE} is not ({error.strerror or error}); "
                "free the space or permit it, or give another place with --results"
            ) from error
        if time.monotonic() - self._uploaded >= SECONDS_BETWEEN_UPLOADS:
            self._upload()

    def _open(self, progress: StudyProgress) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = self._folder / JOURNAL_FILE
        _check_last_line(path)
        storage = JournalStorage(JournalFileBackend(str(path)))
        self._studies: dict[str, Any] = {
            name: optuna.create_study(
                storage=storage,
                study_name=f"{progress.plan.spec.name}/{name}",
                direction="maximize",
                load_if_exists=True,
            )
            for name, cell in progress.cells.items()
            if cell.cell.n_search
        }
        self._written = {name: len(study.get_trials(deepcopy=False)) for name, study in self._studies.items()}
        for cell in progress.cells.values():
            self.update(cell)

    def _update(self, cell: CellProgress) -> None:
        name = cell.cell.name
        if name not in self._studies:
            return
        space = distributions(cell.cell.space, cell.cell.method_class.Options)
        while self._written[name] < cell.cell.n_search:
            results = cell.search_results(self._written[name] + 1)
            if results is None:
                return
            self._studies[name].add_trial(frozen_trial(results[-1], space))
            self._written[name] += 1

    def _upload(self) -> None:
        self._uploaded = time.monotonic()
        path = self._folder / JOURNAL_FILE
        if not self._place.folder and path.exists():
            self._place.write(JOURNAL_FILE, path.read_bytes())


def _check_last_line(path: Path) -> None:
    """Refuses a journal whose last line was cut off: Optuna would write the next one right behind it."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        raise ValueError("the last line is torn")


def _set_aside(place: Storage) -> str:
    number = 0
    while place.exists(name := f"{JOURNAL_FILE}.damaged-{number}"):
        number += 1
    place.move(JOURNAL_FILE, name)
    return name
