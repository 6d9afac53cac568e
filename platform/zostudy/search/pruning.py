"""Early stopping: how good a search trial must be at each evaluation, from the trials that it may know of.

Those are the trials up to n - lag, as for its proposal, and they are finished when trial n starts. So a rule is one
threshold an evaluation, fixed beforehand, and which trial is stopped where does not depend on timing. A trial is
stopped when its best dev AUC so far is below; one that is as good goes on.
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
"""Of ASHA. A trial in three passes a rung; the rungs of the usual five evaluations are the first and the third."""

Evaluations = Mapping[str, NDArray[Any]]
"""``queries`` and ``dev_auc`` of a trial's history, one entry a step; NaN where dev was not evaluated."""

PASSES = float("-inf")


def best_so_far(budget: BudgetSpec, evaluations: Evaluations, whole: bool) -> dict[float, float]:
    """Returns a trial's best dev AUC, the start's included, at each place of the evaluation schedule it came to.

    A step may pass several places: then the evaluation after it is that of each of them.

    Args:
        budget: the study's.
        evaluations: of the trial; empty for one that failed at its start.
        whole: the trial ran to its end, so that its last evaluation is that of the schedule's last place.
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
    """Returns what a search trial's best dev AUC must reach at each evaluation but the last; nothing without a rule.

    The first trial that does not fail passes everywhere, by either rule: there is always one to confirm.

    Args:
        spec: the study.
        told: the results of trials 0 to n - lag, in order.
    """
    if spec.search.pruning == "none":
        return ()
    rule = _median(spec, told) if spec.search.pruning == "median" else _successive_halving(told)
    places = evaluation_schedule(spec.budget)[:-1]
    return tuple(rule(number, at) for number, at in enumerate(places, start=1))


Rule = Callable[[int, float], float]
"""From an evaluation's number, from 1, and its place in the schedule, to the threshold."""


def _median(spec: StudySpec, told: Sequence[SearchResult]) -> Rule:
    """The median of the complete trials there, once there are ``startup_trials``; as Optuna's MedianPruner has it."""
    complete = [result for result in told if result.complete]
    if len(complete) < spec.search.startup_trials:
        return lambda number, at: PASSES
    return lambda number, at: float(np.percentile([result.curve[at] for result in complete], 50))


def _successive_halving(told: Sequence[SearchResult]) -> Rule:
    """ASHA: at evaluations 1, 3, 9, ... a trial must be among the best third of those that came there, itself included.

    As long as that is less than one trial it must be the best. As Optuna's SuccessiveHalvingPruner has it, with an
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
