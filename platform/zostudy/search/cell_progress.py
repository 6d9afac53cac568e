"""The progress of a cell: its finished trials, and which may start next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from statistics import fmean
from typing import Any

from zostudy.config.options import default_settings
from zostudy.results.completeness import has_same_settings, ranking_key
from zostudy.results.trial_row import TrialRow
from zostudy.search.plan import Assignment, Cell, Plan, Stage, trial_name
from zostudy.search.proposer import Proposer, SearchResult
from zostudy.search.pruning import Evaluations, Pruner, best_so_far
from zostudy.search.seeds import due_seeds, mean_result


class CellProgress:
    """The progress of a cell: configurations in order, each proposed from those up to n - lag; then confirm trials.

    A stored confirm trial counts as long as it confirms the best of the search. If a longer search finds something
    better, the trial runs again.
    """

    def __init__(self, plan: Plan, cell: Cell) -> None:
        """Starts with nothing finished."""
        self.cell = cell
        self._plan = plan
        self._finished: dict[str, dict[str, TrialRow]] = {"search": {}, "confirm": {}}
        self._running: set[str] = set()
        self._pruner = Pruner(plan.spec)
        self._proposed: dict[int, Mapping[str, Any]] = {}
        self._runs: dict[tuple[int, int], SearchResult] = {}  # by configuration and seed
        self._results: list[SearchResult] = []  # of configurations, without a gap
        self._best_of_first: list[int | None] = [None]  # the best of the first k results, for each k
        self._n_lost = self._n_needless = 0
        self._best: TrialRow | None = None

    @cached_property
    def _proposer(self) -> Proposer:
        return Proposer(self._plan.spec, self.cell)

    @property
    def n_finished(self) -> int:
        """Finished trials, failed ones included."""
        return self.n_searched + self.n_confirmed

    @property
    def n_searched(self) -> int:
        """Finished search trials that count."""
        return len(self._finished["search"]) - self._n_needless

    @property
    def n_confirmed(self) -> int:
        """Finished confirm trials that count."""
        return len(self._confirm_rows)

    @property
    def n_started(self) -> int:
        """Finished and running trials."""
        return self.n_finished + len(self._running)

    @property
    def n_trials(self) -> int:
        """Trials of the cell in all. No more confirm trials run once every configuration has failed."""
        return self.n_search_trials + (self.n_confirmed if self.abandoned else self.cell.n_confirm)

    @property
    def n_search_trials(self) -> int:
        """Search trials in all, as far as is known: without the seeds that configurations have lost."""
        return self.cell.n_search * self.cell.n_seeds - self.n_lost

    @property
    def n_lost(self) -> int:
        """Seeds that configurations have lost."""
        return self._n_lost

    @property
    def abandoned(self) -> bool:
        """True if all configurations have failed, so that none can be confirmed."""
        return self._best is None and 0 < self.cell.n_search == len(self._results)

    @property
    def rows(self) -> list[TrialRow]:
        """The finished trials that count, in no order and without their latents."""
        search = [row for row in self._finished["search"].values() if self._is_needed(row)]
        return search + self._confirm_rows

    @property
    def dev_auc(self) -> float | None:
        """The mean dev AUC of the finished confirm trials; before there is one, the best configuration's so far."""
        confirmed = [row.dev_auc for row in self._confirm_rows if row.dev_auc is not None]
        best = self._best_of_first[-1]
        return fmean(confirmed) if confirmed else None if best is None else self._results[best].dev_auc

    def next(self) -> Assignment | None:
        """Returns the next trial that may start, or None while results are awaited or nothing is left."""
        found = self._next_search() or self._next_confirm()
        if found is not None:
            self._running.add(found.name)
        return found

    def record(self, row: TrialRow, evaluations: Evaluations) -> None:
        """Takes a finished trial's row and dev evaluations."""
        self._running.discard(row.trial)
        is_new = row.trial not in self._finished[row.stage]
        self._finished[row.stage][row.trial] = replace(row, latent=None)  # a whole prompt takes a megabyte
        if row.stage == "search":
            self._n_needless += is_new and not self._is_needed(row)
            run = self._run(row, evaluations)
            self._runs[row.number, row.search_seed or 0] = run
            self._proposed[row.number] = run.params
            self._judge()

    def release(self, assignment: Assignment) -> None:
        """Takes back a started trial without an outcome: it is next again."""
        self._running.discard(assignment.name)

    def search_results(self, stop: int) -> list[SearchResult] | None:
        """Returns the results of configurations 0 to ``stop - 1`` in order, or None while one is missing."""
        return self._results[:stop] if len(self._results) >= stop else None

    def _is_needed(self, row: TrialRow) -> bool:
        has_ended = row.number < len(self._results)
        return not has_ended or (row.search_seed or 0) < self._results[row.number].n_trials

    @property
    def _confirm_rows(self) -> list[TrialRow]:
        rows = self._finished["confirm"].values()
        if not self.cell.n_search or self.abandoned:
            return list(rows)
        best = self._best
        return [row for row in rows if best is not None and has_same_settings(row.params, best.params, row.algorithm)]

    def _run(self, row: TrialRow, evaluations: Evaluations) -> SearchResult:
        curve = best_so_far(self._plan.spec.budget, evaluations, whole=row.status == "complete")
        return SearchResult(self._searched_values(row), row.dev_auc, curve, row.status == "pruned")

    def _searched_values(self, row: TrialRow) -> dict[str, Any]:
        """Returns the trial's values of the searched keys, by default those of options that its method has gained."""
        known = default_settings(row.algorithm) | dict(row.params)
        return {key: known[key] for key in self.cell.space if key in known}

    def _judge(self) -> None:
        """Adds the results of the configurations that have ended, and finds the best once all have."""
        while (number := len(self._results)) < self.cell.n_search:
            runs, due = self._finished_runs(number), self._due_seeds(number)
            if len(runs) < due:
                return
            self._append(mean_result(runs[:due]))
        if (best := self._best_of_first[-1]) is not None:
            self._best = self._finished["search"][self._name("search", best)]

    def _append(self, result: SearchResult) -> None:
        number = len(self._results)
        self._results.append(result)
        candidates = [each for each in (self._best_of_first[-1], number) if each is not None]
        best = best_of([self._results[each] for each in candidates])
        self._best_of_first.append(None if best is None else candidates[best])
        self._n_lost += self.cell.n_seeds - result.n_trials
        self._n_needless += sum((number, seed) in self._runs for seed in range(result.n_trials, self.cell.n_seeds))

    def _due_seeds(self, number: int) -> int:
        """Returns how many seeds configuration n is to run, as far as is known. Those up to n - lag have ended."""
        best = self._best_of_first[self._n_told(number)]
        of_best = () if best is None else self._results[best].seeds
        finished = [run.dev_auc for run in self._finished_runs(number)]
        return due_seeds(self._plan.spec.search, [each for each in of_best if each is not None], finished)

    def _finished_runs(self, number: int) -> list[SearchResult]:
        """Returns the results of a configuration on its first seeds, up to one that has not ended."""
        runs: list[SearchResult] = []
        while (run := self._runs.get((number, len(runs)))) is not None:
            runs.append(run)
        return runs

    def _n_told(self, number: int) -> int:
        return max(0, number - self._plan.spec.search.lag + 1)

    def _next_search(self) -> Assignment | None:
        for number in range(len(self._results), self.cell.n_search):
            told = self.search_results(self._n_told(number))
            if told is None:
                return None
            for seed in range(self._due_seeds(number)):
                if not self._is_known(self._name("search", number, seed)):
                    return self._search_trial(number, seed, told)
        return None

    def _search_trial(self, number: int, seed: int, told: Sequence[SearchResult]) -> Assignment:
        if number not in self._proposed:
            self._proposed[number] = self._proposer.propose(number, told, self._proposed)
        params = self._proposed[number]
        return self._plan.assign(self.cell, "search", number, params, self._pruner.thresholds(told), seed)

    def _next_confirm(self) -> Assignment | None:
        if self._best is None and self.cell.n_search:
            return None
        known = {row.trial for row in self._confirm_rows} | self._running
        numbers = range(self.cell.n_confirm)
        number = next((each for each in numbers if self._name("confirm", each) not in known), None)
        if number is None:
            return None
        params = self._searched_values(self._best) if self._best else {}
        return self._plan.assign(self.cell, "confirm", number, params)

    def _is_known(self, search_trial: str) -> bool:
        return search_trial in self._finished["search"] or search_trial in self._running

    def _name(self, stage: Stage, number: int, seed: int = 0) -> str:
        return trial_name(self.cell.name, stage, number, seed)


def best_of(results: Sequence[SearchResult]) -> int | None:
    """Returns the number of a cell's best configuration; None if none of them ran to its end."""
    complete = {n: result.dev_auc for n, result in enumerate(results) if result.dev_auc is not None and result.complete}
    return max(complete, key=lambda n: ranking_key(complete[n], n), default=None)
