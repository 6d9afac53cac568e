"""The progress of a study: its finished trials, and the trial that may start next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zostudy.config.settings import default_settings
from zostudy.results.completeness import confirms, rank_of
from zostudy.results.trial_row import TrialRow
from zostudy.search.plan import Assignment, Cell, Plan, Stage, trial_name
from zostudy.search.proposer import SearchResult, propose
from zostudy.search.pruning import Evaluations, best_so_far, thresholds


class CellProgress:
    """The progress of a cell: search trials in order, each proposed from those up to n - lag; then confirm trials.

    A stored confirm trial counts as long as it confirms the best of the search. If a longer search finds something
    better, the trial runs again.
    """

    def __init__(self, plan: Plan, cell: Cell) -> None:
        """Starts with nothing finished."""
        self.cell = cell
        self._plan = plan
        self._finished: dict[str, TrialRow] = {}
        self._running: set[str] = set()
        self._proposed: dict[str, Mapping[str, Any]] = {}
        self._results: dict[str, SearchResult] = {}
        self._best: TrialRow | None = None

    @property
    def n_finished(self) -> int:
        """Finished trials, failed ones included."""
        return len(self.rows)

    @property
    def n_started(self) -> int:
        """Finished and running trials."""
        return self.n_finished + len(self._running)

    @property
    def n_trials(self) -> int:
        """Trials of the cell in all. No more confirm trials run once every search trial has failed."""
        confirmed = sum(row.stage == "confirm" for row in self._finished.values())
        return self.cell.n_search + (confirmed if self.abandoned else self.cell.n_confirm)

    @property
    def abandoned(self) -> bool:
        """Whether all search trials have failed, so that there is no configuration to confirm."""
        return self._best is None and self.cell.n_search > 0 and self.search_results(self.cell.n_search) is not None

    @property
    def rows(self) -> list[TrialRow]:
        """The finished trials that count, in no order."""
        return [row for row in self._finished.values() if row.stage == "search" or self._confirms(row)]

    @property
    def best_dev_auc(self) -> float | None:
        """The best dev AUC of any finished trial."""
        values = [row.dev_auc for row in self.rows if row.dev_auc is not None]
        return max(values, default=None)

    def next(self) -> Assignment | None:
        """Returns the next trial that may start, or None while results are awaited or nothing is left."""
        found = self._next_search() or self._next_confirm()
        if found is not None:
            self._running.add(found.name)
        return found

    def record(self, row: TrialRow, evaluations: Evaluations) -> None:
        """Takes a finished trial's row and dev evaluations."""
        self._running.discard(row.trial)
        self._finished[row.trial] = row
        if row.stage == "search":
            result = self._search_result(row, evaluations)
            self._results[row.trial], self._proposed[row.trial] = result, result.params
            results = self.search_results(self.cell.n_search)
            if results is not None and (best := best_of(results)) is not None:
                self._best = self._finished[self._names("search", best + 1)[best]]

    def release(self, assignment: Assignment) -> None:
        """Takes back a started trial without an outcome: it is next again."""
        self._running.discard(assignment.name)

    def search_results(self, stop: int) -> list[SearchResult] | None:
        """Returns the results of search trials 0 to ``stop - 1`` in order, or None while one is missing."""
        names = self._names("search", stop)
        return [self._results[name] for name in names] if self._results.keys() >= set(names) else None

    def _confirms(self, row: TrialRow) -> bool:
        if not self.cell.n_search or self.abandoned:
            return True
        return self._best is not None and confirms(row.params, self._best.params, row.algorithm)

    def _search_result(self, row: TrialRow, evaluations: Evaluations) -> SearchResult:
        curve = best_so_far(self._plan.spec.budget, evaluations, whole=row.status == "complete")
        return SearchResult(self._searched_values(row), row.dev_auc, curve, row.status == "pruned")

    def _searched_values(self, row: TrialRow) -> dict[str, Any]:
        """Returns the trial's values of the searched keys, by default those of options that its method has gained."""
        known = default_settings(row.algorithm) | dict(row.params)
        return {key: known[key] for key in self.cell.space if key in known}

    def _next_search(self) -> Assignment | None:
        number = self._first_open("search", self.cell.n_search)
        if number is None:
            return None
        spec = self._plan.spec
        told = self.search_results(max(0, number - spec.search.lag + 1))
        if told is None:
            return None
        *earlier, name = self._names("search", number + 1)
        params = propose(spec, self.cell, number, told, [self._proposed[each] for each in earlier])
        self._proposed[name] = params
        return self._plan.assign(self.cell, "search", number, params, thresholds(spec, told))

    def _next_confirm(self) -> Assignment | None:
        number = self._first_open("confirm", self.cell.n_confirm)
        if number is None or (self._best is None and self.cell.n_search):
            return None
        params = self._searched_values(self._best) if self._best else {}
        return self._plan.assign(self.cell, "confirm", number, params)

    def _first_open(self, stage: Stage, n_trials: int) -> int | None:
        known = {row.trial for row in self.rows} | self._running
        return next((n for n, name in enumerate(self._names(stage, n_trials)) if name not in known), None)

    def _names(self, stage: Stage, stop: int) -> list[str]:
        return [trial_name(self.cell.name, stage, number) for number in range(stop)]


def best_of(results: Sequence[SearchResult]) -> int | None:
    """Returns the number of a cell's best search trial; None if none of them ran to its end."""
    complete = {n: result.dev_auc for n, result in enumerate(results) if result.dev_auc is not None and result.complete}
    return max(complete, key=lambda n: rank_of(complete[n], n), default=None)


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
    def done(self) -> bool:
        """Whether every trial has finished."""
        return all(cell.n_finished >= cell.n_trials for cell in self.cells.values())

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
