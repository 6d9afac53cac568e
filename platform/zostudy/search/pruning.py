"""Early stopping: the dev AUC that a search trial must reach at each evaluation.

Thresholds come from the trials up to n - lag, as a proposal does. These have finished when trial n starts, so its
thresholds are fixed beforehand and do not depend on timing. A trial is stopped if its best dev AUC so far is below the
threshold; an equal one goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.config.study import BudgetSpec, StudySpec
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


def thresholds(spec: StudySpec, told: Sequence[SearchResult]) -> tuple[float, ...]:
    """Returns the threshold of a search trial's best dev AUC at each evaluation but the last; empty without pruning.

    Under either rule the first trial that does not fail passes everywhere, so that there is one to confirm.

    Args:
        spec: the study.
        told: the results of trials 0 to n - lag, in order.
    """
    if spec.search.pruning == "none":
        return ()
    rule = _median(spec, told) if spec.search.pruning == "median" else _successive_halving(told)
    points = evaluation_schedule(spec.budget)[:-1]
    return tuple(rule(number, at) for number, at in enumerate(points, start=1))


Rule = Callable[[int, float], float]
"""Takes an evaluation's number, from 1, and its evaluation point in queries; returns the threshold."""


def _median(spec: StudySpec, told: Sequence[SearchResult]) -> Rule:
    """The median of the complete trials at that point, after ``startup_trials`` of them; as Optuna's MedianPruner."""
    complete = [result for result in told if result.complete]
    if len(complete) < spec.search.startup_trials:
        return lambda number, at: PASSES
    return lambda number, at: float(np.percentile([result.curve[at] for result in complete], 50))


def _successive_halving(told: Sequence[SearchResult]) -> Rule:
    """ASHA: at evaluations 1, 3, 9, ... a trial must be in the best third of the trials that reached it, with itself.

    If that third is less than one trial, it must be the best. This is Optuna's SuccessiveHalvingPruner, with an
    evaluation as the resource (Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020).
    """
    scored = [result for result in told if result.dev_auc is not None]

    def threshold(number: int, at: float) -> float:
        values = sorted((result.curve[at] for result in scored if at in result.curve), reverse=True)
        if not values or not _is_rung(number):
            return PASSES
        return values[max(1, (len(values) + 1) // REDUCTION_FACTOR) - 1]

    return threshold


def _is_rung(number: int) -> bool:
    while number % REDUCTION_FACTOR == 0:
        number //= REDUCTION_FACTOR
    return number == 1
