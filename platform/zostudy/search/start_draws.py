"""``model.start: best-of-k``: a trial's prompt starts at the best of k random draws, and their queries count.

The draws are compared by their AUC on dev rows, as many of each class as the rarest has there, so that the price does
not grow with the imbalance ratio. All methods of a ratio, seed and wording are given the same start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zostudy.config.study import StudySpec
from zostudy.errors import SpecError
from zostudy.lm.start import draw_seed
from zostudy.randomness import generator
from zostudy.results.metrics import classification_metrics
from zostudy.search.plan import Plan
from zostudy.tasks.imbalance import Draw

ScoreDraw = Callable[[int, NDArray[np.int32]], NDArray[np.float32]]
"""Returns the scores float32 ``[b, C]`` of rows ``[b]`` under the prompt whose start tokens a seed draws."""


def queries_before(spec: StudySpec, draw: Draw) -> int:
    """Returns the queries that the choice of a trial's start costs: all draws' examples in whole batches, if any."""
    if spec.model.start != "best-of-k" or spec.model.start_draws == 1:
        return 0
    n_rows = min(draw.dev_counts) * len(draw.dev_counts)
    return -(-spec.model.start_draws * n_rows // spec.budget.batch_size)


def with_start_costs(plan: Plan, draws: Mapping[tuple[float, int], Draw]) -> Plan:
    """Returns the plan with the queries that the choice of a start costs at each ratio.

    Args:
        plan: of the study.
        draws: by ratio and seed.

    Raises:
        SpecError: the choice leaves no query to a trial.
    """
    costs = {ratio: queries_before(plan.spec, draw) for (ratio, _), draw in draws.items()}
    priced = replace(plan, start_costs={ratio: cost for ratio, cost in costs.items() if cost})
    dearest, budget = max(map(priced.start_cost, plan.cells)), plan.spec.budget.queries
    if dearest >= budget:
        raise SpecError(
            "must leave queries of the budget for the method",
            got=f"{plan.spec.model.start_draws} draws take {dearest:,} of the {budget:,}",
            remedy="lower it, raise budget.queries, or lower imbalance.dev_minority_size",
            about="model.start_draws",
        )
    return priced


def comparison_rows(draw: Draw, labels: NDArray[np.int32], seed: int) -> NDArray[np.int32]:
    """Returns the dev rows that draws are compared on, int32: the same number of each class.

    Args:
        draw: of the trial.
        labels: int32 ``[n]``, the class of each row of the task's table.
        seed: of the draw.
    """
    count = min(draw.dev_counts)
    of_class = (draw.dev_rows[labels[draw.dev_rows] == label] for label in range(len(draw.dev_counts)))
    shuffled = [generator(seed, "start", label).permutation(rows) for label, rows in enumerate(of_class)]
    return np.concatenate([rows[:count] for rows in shuffled])


def best_draw(
    n_draws: int,
    seed: int,
    rows: NDArray[np.int32],
    labels: NDArray[np.int32],
    minority: tuple[int, ...],
    score: ScoreDraw,
) -> int:
    """Returns the draw whose prompt has the best AUC on the rows, from 0, the first of equals.

    Args:
        n_draws: k.
        seed: of the trial's draws.
        rows: int32 ``[b]``.
        labels: int32 ``[b]``, their classes.
        minority: the rare classes.
        score: scores one draw. A draw whose scores are not finite is never the best, unless all are so.
    """
    aucs = []
    for draw in range(n_draws):
        scores = score(draw_seed(seed, draw), rows)
        finite = bool(np.isfinite(scores).all())
        aucs.append(classification_metrics(scores, labels, minority)["auc"] if finite else -np.inf)
    return int(np.argmax(aucs))
