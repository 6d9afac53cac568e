"""Where a study stands: which trial may start next, given those that have finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zostudy.search.plan import Assignment, Cell, Plan, Stage, trial_name
from zostudy.search.proposer import SearchResult, propose

Row = Mapping[str, Any]


class CellProgress:
    """One cell: search trials in order, each proposed from those up to n - lag; then the confirm trials.

    A stored confirm trial counts while it confirms the best of the search. Where a longer search has found something
    better, it does not count any more: the trial runs again and takes its place.
    """

    def __init__(self, plan: Plan, cell: Cell, finished: Mapping[str, Row]) -> None:
        """Takes over the finished trials by name."""
        self.cell = cell
        self._plan = plan
        self._finished = dict(finished)
        self._running: set[str] = set()

    @property
    def n_finished(self) -> int:
        """Finished trials, failed ones included."""
        return len(self.rows)

    @property
    def n_started(self) -> int:
        """Finished and running trials."""
        return len(self.rows) + len(self._running)

    @property
    def n_trials(self) -> int:
        """Trials the cell will have run in all: no confirm trials once every search trial has failed."""
        return self.cell.n_search + (0 if self.abandoned else self.cell.n_confirm)

    @property
    def abandoned(self) -> bool:
        """Whether all search trials have failed, so that there is no configuration to confirm."""
        results = self.search_results(self.cell.n_search)
        return bool(results) and all(result.dev_auc is None for result in results or ())

    @property
    def rows(self) -> list[Row]:
        """The finished trials, in no order."""
        results = self.search_results(self.cell.n_search)
        best = None if results is None else best_params(results)
        return [row for row in self._finished.values() if row["stage"] == "search" or self._confirms(row, best)]

    @property
    def best_dev_auc(self) -> float | None:
        """The best dev AUC of any finished trial."""
        values = [row["dev_auc"] for row in self.rows if row["dev_auc"] is not None]
        return max(values, default=None)

    def next(self) -> Assignment | None:
        """Returns the next trial that may start, or None while results are awaited or nothing is left."""
        found = self._next_search() or self._next_confirm()
        if found is not None:
            self._running.add(found.name)
        return found

    def record(self, row: Row) -> None:
        """Takes a finished trial's row."""
        self._running.discard(row["trial"])
        self._finished[row["trial"]] = row

    def release(self, assignment: Assignment) -> None:
        """Takes back a trial that was started and has come to nothing: it is next again."""
        self._running.discard(assignment.name)

    def search_results(self, stop: int) -> list[SearchResult] | None:
        """Returns the results of search trials 0 to ``stop - 1`` in order, or None while one is missing."""
        rows = [self._finished.get(trial_name(self.cell.name, "search", n)) for n in range(stop)]
        if any(row is None for row in rows):
            return None
        return [_search_result(self.cell, row) for row in rows if row is not None]

    def _confirms(self, row: Row, best: Mapping[str, Any] | None) -> bool:
        return best is not None and all(row["params"][key] == value for key, value in best.items())

    def _next_search(self) -> Assignment | None:
        number = self._first_open("search", self.cell.n_search)
        if number is None:
            return None
        told = self.search_results(max(0, number - self._plan.spec.search.lag + 1))
        if told is None:
            return None
        return self._plan.assign(self.cell, "search", number, propose(self._plan.spec, self.cell, number, told))

    def _next_confirm(self) -> Assignment | None:
        number = self._first_open("confirm", self.cell.n_confirm)
        results = self.search_results(self.cell.n_search)
        if number is None or results is None or self.abandoned:
            return None
        return self._plan.assign(self.cell, "confirm", number, best_params(results))

    def _first_open(self, stage: Stage, n_trials: int) -> int | None:
        names = (trial_name(self.cell.name, stage, n) for n in range(n_trials))
        known = {row["trial"] for row in self.rows} | self._running
        return next((n for n, name in enumerate(names) if name not in known), None)


def best_params(results: list[SearchResult]) -> Mapping[str, Any]:
    """Returns the values with the highest dev AUC, the earliest of equals; none (the defaults) without a search."""
    scored = [result for result in results if result.dev_auc is not None]
    return max(scored, key=lambda result: result.dev_auc or 0.0).params if scored else {}


def _search_result(cell: Cell, row: Row) -> SearchResult:
    params = {key: row["params"][key] for key in cell.space}
    return SearchResult(params, row["dev_auc"] if row["status"] == "complete" else None)


class StudyProgress:
    """All cells of a study, advancing side by side."""

    def __init__(self, plan: Plan, finished: Iterable[Row]) -> None:
        """Takes over what the ledger holds.

        Args:
            plan: the study's plan.
            finished: the stored trials' rows; their ``params`` as a mapping.
        """
        rows = list(finished)
        self.plan = plan
        self.cells = {
            cell.name: CellProgress(plan, cell, {row["trial"]: row for row in rows if row["cell"] == cell.name})
            for cell in plan.cells
        }

    @property
    def n_finished(self) -> int:
        """Finished trials of the study."""
        return sum(cell.n_finished for cell in self.cells.values())

    @property
    def done(self) -> bool:
        """Whether every trial has finished."""
        return all(cell.n_finished >= cell.n_trials for cell in self.cells.values())

    @property
    def failed(self) -> list[Row]:
        """The failed trials."""
        return [row for cell in self.cells.values() for row in cell.rows if row["status"] == "failed"]

    def next(self) -> Assignment | None:
        """Returns a trial of the cell that has started fewest, or None while every cell awaits results."""
        for cell in sorted(self.cells.values(), key=lambda cell: cell.n_started):
            if (assignment := cell.next()) is not None:
                return assignment
        return None

    def release(self, assignment: Assignment) -> None:
        """Takes back a trial that was started and has come to nothing."""
        self.cells[assignment.cell].release(assignment)

    def record(self, row: Row) -> None:
        """Takes a finished trial's row."""
        self.cells[row["cell"]].record(row)
