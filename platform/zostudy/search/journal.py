"""Optuna's journal beside the results: one Optuna study a cell, its search trials in order, for Optuna's own tools.

Only written, never read back into a search: the ledger is what a study goes on from.
"""

from __future__ import annotations

from pathlib import Path

from zostudy.search.progress import CellProgress, StudyProgress
from zostudy.search.proposer import frozen_trial
from zostudy.search.space import distributions

JOURNAL_FILE = "optuna.journal"


class Journal:
    """Appends search trials to ``optuna.journal`` as soon as all trials before them are there."""

    def __init__(self, folder: Path, progress: StudyProgress) -> None:
        """Opens or makes the journal, and catches up with the ledger."""
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL_FILE)))
        self._studies = {
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

    def update(self, cell: CellProgress) -> None:
        """Adds the cell's finished search trials that the journal lacks, as far as none before them is missing."""
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
