"""Early stopping: the dev AUC that a search trial must reach at each evaluation.

Thresholds come from the trials up to n - lag, as a proposal does. These have finished when trial n starts, so its
thresholds are fixed beforehand and do not depend on timing. A trial is stopped if its best dev AUC so far is below the
threshold; an equal one goes on.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.config.search import BudgetSpec
from zostudy.config.study import StudySpec
from zostudy.search.plan import evaluation_schedule
from zostudy.search.proposer import SearchResult

REDUCTION_FACTOR = 3
"""Of ASHA. One trial in three passes a rung; of the default five evaluations the first and the third are rungs."""

Evaluations = Mapping[str, NDArray[Any]]
"""``queries`` and ``dev_auc`` of a trial's history, one entry a step; NaN where dev was not evaluated."""

PASSES = float("-inf")


def best_so_far(budget: BudgetSpec, evaluations: Evaluations, whole: bool) -> dict[float, float]:
    """Returns a trial's best dev AUC, the start's included, at each evaluation point that it reached.

    If a step passes several evaluation points, the evaluation after it counts for each of them.

    Args:
        budget: the study's.
        evaluations: of the trial; empty for one that failed at its start.
        whole: whether the trial ran to its end, so that its last evaluation is that of the last evaluation point.
    """
    if not evaluations:
        return {}
    evaluated = ~np.isnan(evaluations["dev_auc"])
    best = np.maximum.accumulate(evaluations["dev_auc"][evaluated])
    schedule = evaluation_schedule(budget)
    first = np.searchsorted(evaluations["queries"][evaluated], schedule)
    reached = len(schedule) if whole else int((first < len(best)).sum())
    return {at: float(best[min(k, len(best) - 1)]) for at, k in zip(schedule[:reached], first[:reached], strict=True)}


class Pruner:
    """The thresholds of a cell's search trials.

    Results are a list that grows, so the values at each evaluation point are kept in ascending order.
    """

    def __init__(self, spec: StudySpec) -> None:
        """Starts without results."""
        self._search = spec.search
        self._points = evaluation_schedule(spec.budget)[:-1] if spec.search.pruning != "none" else []
        self._n_told = 0
        self._values: dict[float, list[float]] = {at: [] for at in self._points}

    def thresholds(self, told: Sequence[SearchResult]) -> tuple[float, ...]:
        """Returns the threshold of a trial's best dev AUC at each evaluation but the last; empty without pruning.

        Under either rule the first trial that does not fail passes everywhere, so that there is one to confirm.

        Args:
            told: the results of trials 0 to n - lag, in order.
        """
        if len(told) < self._n_told:  # an earlier trial runs again
            self._n_told, self._values = 0, {at: [] for at in self._points}
        for result in told[self._n_told :]:
            if self._counts(result):
                for at in result.curve.keys() & self._values.keys():
                    insort(self._values[at], result.curve[at])
        self._n_told = len(told)
        rule = self._median if self._search.pruning == "median" else _successive_halving
        return tuple(rule(number, values) for number, values in enumerate(self._values.values(), start=1))

    def _counts(self, result: SearchResult) -> bool:
        """Returns whether thresholds depend on this result."""
        return result.complete if self._search.pruning == "median" else result.dev_auc is not None

    def _median(self, number: int, values: Sequence[float]) -> float:
        """The median of the complete trials at that point, after ``startup_trials`` of them; Optuna's MedianPruner."""
        if len(values) < self._search.startup_trials:
            return PASSES
        middle = values[(len(values) - 1) // 2 : len(values) // 2 + 1]
        return float(np.percentile(middle, 50))


def _successive_halving(number: int, values: Sequence[float]) -> float:
    """ASHA: at evaluations 1, 3, 9, ... a trial must be in the best third of the trials that reached it, with itself.

    If that third is less than one trial, it must be the best. This is Optuna's SuccessiveHalvingPruner, with an
    evaluation as the resource (Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020).

    Args:
        number: of the evaluation, from 1.
        values: the best dev AUC there of the trials that reached it, ascending.
    """
    if not values or not _is_rung(number):
        return PASSES
    return values[-max(1, (len(values) + 1) // REDUCTION_FACTOR)]


def _is_rung(number: int) -> bool:
    while number % REDUCTION_FACTOR == 0:
        number //= REDUCTION_FACTOR
    return number == 1
