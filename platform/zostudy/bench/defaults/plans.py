"""The plans: the trials and searches to measure, the most informative first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from zostudy.bench.defaults.jobs import EVALUATIONS, AnyJob, SearchJob, TrialJob
from zostudy.bench.defaults.tasks import COMPOSITIONS, JUDGED_SEEDS, METHODS, TASKS, TUNED
from zostudy.config.known import EMBEDDED_MODELS

RATIO, HARD_RATIO = 10.0, 50.0
BUDGET, LARGE_BUDGET = 300, 1200
SEARCH_TRIALS = 30
REAL_TASKS = tuple(name for name in TASKS if name not in EMBEDDED_MODELS)

Changes = Mapping[str, Any]

NEIGHBOURS: dict[str, tuple[Changes, ...]] = {
    "random-search": ({"reach": 1.0}, {"reach": 10.0}, {"subspace_dim": 30}, {"queries_per_step": 30}),
    "bpt-fzg": (
        {"reach": 1.0},
        {"reach": 10.0},
        {"perturbation_radius": 0.3},
        {"subspace_dim": 300},
        {"queries_per_step": 3},
        {"queries_per_step": 12},
        {"step_rule": "dog", "reach": 0.3},
        {"imbalance.sampler": "natural"},
    ),
    "spsa": (
        {"reach": 1.0},
        {"reach": 10.0},
        {"perturbation_radius": 0.3},
        {"subspace_dim": 300},
        {"queries_per_step": 4},
        {"queries_per_step": 20},
        {"step_rule": "dog", "reach": 0.3},
        {"estimator": "forward"},
        {"estimator": "forward", "queries_per_step": 6},
        {"imbalance.sampler": "natural"},
    ),
    "fzoo": (
        {"reach": 0.3},
        {"reach": 3.0},
        {"step_rule": "adagrad-norm", "reach": 3.0},
        {"subspace_dim": 300},
        {"queries_per_step": 20},
        {"perturbation_radius": 0.3},
    ),
    "zosa": (
        {"reach": 1.0},
        {"reach": 5.0},
        {"step_rule": "adagrad-norm", "reach": 3.0},
        {"subspace_dim": 300},
        {"queries_per_step": 8},
        {"sharpness_radius": 0.3},
        {"sharpness_radius": 1.0},
        {"reach": 5.0, "sharpness_radius": 0.3},
        {"reach": 1.0, "sharpness_radius": 1.0},
        {"perturbation_radius": 0.3},
    ),
    "cma-es": ({"reach": 1.0}, {"reach": 4.0}, {"queries_per_step": 10}, {"subspace_dim": 30}),
}
"""The neighbours of each method's defaults: one setting changed, or two that belong together."""


def small_plan() -> list[AnyJob]:
    """Returns all that the embedded models are measured on: some hours of one core."""
    return [
        *_trials(EMBEDDED_MODELS, (RATIO, HARD_RATIO), JUDGED_SEEDS[:3]),
        *_trials(EMBEDDED_MODELS, (RATIO,), JUDGED_SEEDS[:3], methods=COMPOSITIONS),
        *_neighbours(EMBEDDED_MODELS, JUDGED_SEEDS[:3]),
        *_searches(EMBEDDED_MODELS, BUDGET),
        *_trials(EMBEDDED_MODELS, (RATIO,), JUDGED_SEEDS[:3], LARGE_BUDGET),
        *_searches(EMBEDDED_MODELS, LARGE_BUDGET),
        *_more_looks(EMBEDDED_MODELS),
        *_trials(EMBEDDED_MODELS, (RATIO, HARD_RATIO), JUDGED_SEEDS),
    ]


def full_plan() -> list[AnyJob]:
    """Returns the small plan, then the real tasks: a day of one core."""
    return [
        *small_plan(),
        *_trials(REAL_TASKS, (RATIO,), JUDGED_SEEDS[:3]),
        *_searches(REAL_TASKS, BUDGET),
        *_trials(REAL_TASKS, (RATIO,), JUDGED_SEEDS),
        *_trials(REAL_TASKS, (HARD_RATIO,), JUDGED_SEEDS[:3]),
        *_trials(REAL_TASKS, (RATIO,), JUDGED_SEEDS[:3], LARGE_BUDGET),
        *_searches(REAL_TASKS, LARGE_BUDGET),
        *_neighbours(REAL_TASKS, JUDGED_SEEDS[:1]),
    ]


PLANS = {"small": small_plan, "full": full_plan}


def _trials(
    tasks: Sequence[str],
    ratios: Sequence[float],
    seeds: Sequence[int],
    queries: int = BUDGET,
    methods: Sequence[str] = METHODS,
) -> Iterator[TrialJob]:
    """Yields the defaults of methods."""
    for seed, ratio, task, method in product(seeds, ratios, tasks, methods):
        if ratio in TASKS[task].ratios:
            yield TrialJob(task, ratio, method, seed, queries=queries)


def _neighbours(tasks: Sequence[str], seeds: Sequence[int]) -> Iterator[TrialJob]:
    for seed, task, (method, neighbours) in product(seeds, tasks, NEIGHBOURS.items()):
        yield from (TrialJob(task, RATIO, method, seed, changes) for changes in neighbours)


def _more_looks(tasks: Sequence[str]) -> Iterator[TrialJob]:
    """Yields the defaults with looks at dev three times as often."""
    for seed, task, method in product(JUDGED_SEEDS[:3], tasks, TUNED):
        yield TrialJob(task, RATIO, method, seed, evaluations=3 * EVALUATIONS)


def _searches(tasks: Sequence[str], queries: int) -> Iterator[SearchJob]:
    for method, task in product(TUNED, tasks):
        yield SearchJob(task, RATIO, method, SEARCH_TRIALS, JUDGED_SEEDS[:3], queries)
