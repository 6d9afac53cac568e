"""The progress of a study: its finished trials, and the trial that may start next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zostudy.results.storage import Storage
from zostudy.results.stored_tables import read_table
from zostudy.results.trial_row import TrialRow
from zostudy.search.cell_progress import CellProgress
from zostudy.search.plan import Assignment, Plan
from zostudy.search.pruning import Evaluations


class StudyProgress:
    """All cells of a study, advancing side by side."""

    def __init__(
        self, plan: Plan, finished: Iterable[TrialRow], evaluations: Mapping[str, Evaluations] | None = None
    ) -> None:
        """Starts with the trials of the ledger.

        Args:
            plan: the study's plan.
            finished: the rows of the stored trials.
            evaluations: their evaluations on dev, by the trial's name. Pruning needs them.
        """
        self.plan = plan
        self.cells = {cell.name: CellProgress(plan, cell) for cell in plan.cells}
        for row in finished:
            if row.cell in self.cells:
                self.record(row, (evaluations or {}).get(row.trial, {}))

    @property
    def n_finished(self) -> int:
        """Finished trials of the study."""
        return sum(cell.n_finished for cell in self.cells.values())

    @property
    def n_trials(self) -> int:
        """Trials of the study in all, as far as is known: without those that need not run."""
        return sum(cell.n_trials for cell in self.cells.values())

    @property
    def done(self) -> bool:
        """True once every trial has finished."""
        return all(cell.n_finished >= cell.n_trials for cell in self.cells.values())

    @property
    def n_lost(self) -> int:
        """Seeds that configurations have lost: trials that need not run."""
        return sum(cell.n_lost for cell in self.cells.values())

    @property
    def failed(self) -> list[TrialRow]:
        """The failed trials."""
        return self._with_status("failed")

    @property
    def pruned(self) -> list[TrialRow]:
        """The search trials that were stopped early."""
        return self._with_status("pruned")

    def next(self) -> Assignment | None:
        """Returns a trial of the cell that has started fewest, or None while every cell awaits results."""
        for cell in sorted(self.cells.values(), key=lambda cell: cell.n_started):
            if (assignment := cell.next()) is not None:
                return assignment
        return None

    def release(self, assignment: Assignment) -> None:
        """Takes back a started trial without an outcome."""
        self.cells[assignment.cell].release(assignment)

    def record(self, row: TrialRow, evaluations: Evaluations) -> None:
        """Takes a finished trial's row, and its evaluations on dev."""
        self.cells[row.cell].record(row, evaluations)

    def _with_status(self, status: str) -> list[TrialRow]:
        return [row for cell in self.cells.values() for row in cell.rows if row.status == status]


def stored_progress(plan: Plan, storage: Storage) -> StudyProgress:
    """Returns the progress of a study by its stored trials, whether it runs or not; writes nothing.

    Raises:
        ResultsError: a file cannot be read.
    """
    return StudyProgress(plan, map(TrialRow.of_stored, read_table(storage, "trials").to_pylist()))
