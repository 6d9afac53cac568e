"""Optuna's journal beside the results, for Optuna's own tools: one Optuna study a cell, its configurations in order.

It is only written. A study resumes from the ledger, never from the journal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from zostudy.errors import ResultsError
from zostudy.results.outcome import Outcome
from zostudy.results.storage import Storage
from zostudy.scratch import ScratchFolder
from zostudy.search.callback import Callback
from zostudy.search.cell_progress import CellProgress
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.proposer import frozen_trial

JOURNAL_FILE = "optuna.journal"
SECONDS_BETWEEN_UPLOADS = 10.0


class Journal(Callback):
    """Appends configurations to ``optuna.journal``, each as soon as it and all before it are in the ledger.

    Optuna can only write to a file. For an object store that file is in a temporary folder, and is uploaded as a
    whole now and then and at the end.
    """

    def __init__(self, storage: Storage, progress: StudyProgress, notify: Callable[[str], None]) -> None:
        """Opens or makes the journal, and adds the trials of the ledger that it lacks.

        A journal that was torn by a crash is set aside as ``optuna.journal.damaged-0`` (or 1, 2, ...), and made anew.

        Args:
            storage: of the study's results.
            progress: with the finished trials of the ledger; follows the study.
            notify: takes a line about a torn journal.

        Raises:
            ResultsError: it cannot be written.
        """
        self._storage, self._progress, self._ending = storage, progress, ExitStack()
        self._folder = storage.folder or Path(self._ending.enter_context(ScratchFolder()))
        self._uploaded = time.monotonic()
        with self._write_errors_explained():
            try:
                self._open()
            except (ValueError, KeyError, AssertionError):  # a line cannot be read, or Optuna does not understand it
                storage.move(JOURNAL_FILE, kept := storage.free_name(f"{JOURNAL_FILE}.damaged-"))
                notify(f"set aside: {JOURNAL_FILE} was torn, is now {kept}; written anew")
                self._open()

    def __enter__(self) -> Journal:
        """Returns itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Uploads the last trials to an object store. An error of the run goes before one of the upload."""
        with self._ending, suppress(ResultsError) if error else nullcontext():
            self._upload()

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        """Adds the finished search trials of the trial's cell up to the first unfinished one.

        Raises:
            ResultsError: they cannot be written.
        """
        with self._write_errors_explained():
            self._update(self._progress.cells[assignment.cell])
        if time.monotonic() - self._uploaded >= SECONDS_BETWEEN_UPLOADS:
            self._upload()

    def _open(self) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = self._folder / JOURNAL_FILE
        for left in self._folder.glob(f"{JOURNAL_FILE}.lock*"):  # of a crash; Optuna would wait for it
            left.unlink()
        _check_lines(path)
        storage = JournalStorage(JournalFileBackend(str(path)))
        known = {study.study_name for study in storage.get_all_studies()}

        def study(name: str) -> Any:  # loading, unlike creating, writes nothing
            if name in known:
                return optuna.load_study(study_name=name, storage=storage)
            return optuna.create_study(study_name=name, storage=storage, direction="maximize")

        n_seeds = self._progress.plan.spec.search.seeds
        of_seeds = f"/{n_seeds} seeds" if n_seeds > 1 else ""
        self._studies: dict[str, Any] = {
            name: study(f"{self._progress.plan.spec.name}/{name}{of_seeds}")
            for name, cell in self._progress.cells.items()
            if cell.cell.n_search
        }
        self._written = {name: len(study.get_trials(deepcopy=False)) for name, study in self._studies.items()}
        for cell in self._progress.cells.values():
            self._update(cell)

    def _update(self, cell: CellProgress) -> None:
        name = cell.cell.name
        if name not in self._studies:
            return
        while self._written[name] < cell.cell.n_search:
            results = cell.search_results(self._written[name] + 1)
            if results is None:
                return
            self._studies[name].add_trial(frozen_trial(results[-1], cell.cell))
            self._written[name] += 1

    @contextmanager
    def _write_errors_explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError) as error:  # RuntimeError: Optuna's lock, if the disk is full
            raise ResultsError(
                "results must be writable",
                got=f"{self._storage / JOURNAL_FILE} is not ({getattr(error, 'strerror', None) or error})",
                remedy="free the space or permit it, or give another location with `results`",
            ) from error

    def _upload(self) -> None:
        self._uploaded = time.monotonic()
        path = self._folder / JOURNAL_FILE
        if not self._storage.folder and path.exists():
            self._storage.write(JOURNAL_FILE, path.read_bytes())


def _check_lines(path: Path) -> None:
    """Refuses a torn journal. Optuna would skip a torn last line, and append the next one to it."""
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        if not line.endswith(b"\n") or not isinstance(json.loads(line), dict):
            raise ValueError("a line is torn")
