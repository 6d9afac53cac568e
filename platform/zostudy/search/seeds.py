"""The seeds of a configuration: how many judge it, and when it loses the others.

With ``search.seeds: k`` a search proposes configurations as before, and judges each by its mean dev AUC over k seeds.

*Seeds.* Seed s stands for start tokens, subspace and data draw, and from seed 1 on also for batches and directions. It
is the same for every configuration and in every cell, and none is a seed of the confirm stage. On seed 0 each
configuration has batches and directions of its own, as in a search of one seed. So such a search can be given more
seeds later.

*Trials.* Each seed of a configuration is a trial of its own, with the whole query budget, a row, a history and a saved
state. Configuration n is ``number`` n; its seeds are the trials ``CELL-search-00n``, ``CELL-search-00n-seed-1`` and
so on, and the column ``search_seed`` counts them. Seeds of one configuration run side by side as far as no decision
lies between them.

*Decisions.* A configuration loses its other seeds once it is worse than the best one by the rule of Optuna's
WilcoxonPruner: a one-sided signed-rank test over the seeds that both have, which also asks that its mean is the lower.
The best is that of configurations 0 to n - lag, which have ended when n begins. So a decision depends on the values of
trials alone: not on how many replicas there are, on the order in which trials end, or on a kill. n pairs have no p
below 2**-n, so the first test is after the first n with 2**-n < ``p_threshold``, and at least after 2 seeds. Where a
seed fails, its configuration fails and loses the others too.

*Budgets.* Every trial has the same budget, and no cell has more than trials * seeds of them. What a lost seed would
have spent is saved, counted and shown, and spent on nothing else.

*Optuna.* The sampler and the journal are told one trial a configuration: complete, its value the mean over the seeds
that ran, its intermediate values the dev AUC of each seed. This is Optuna's advice for this pruner: a lost
configuration is told with its mean so far, which is below the best, and can never become the best. Studies of one seed
keep queries as steps. The journal holds an Optuna study of its own for each number of seeds, as the values of another
would differ.

*Resume and extension.* All of this is computed anew from the rows. More ``search.trials`` propose further
configurations. More ``search.seeds`` run the new seeds of all configurations, in order, and decide again; a seed that
is then not needed any more does not count. Confirm trials run again where another configuration wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from zostudy.config.search import SearchSpec
from zostudy.search.proposer import SearchResult

LEAST_PAIRS = 2


def seeds_before_test(p_threshold: float) -> float:
    """Returns the fewest seeds after which a configuration may lose the others; infinity if it never may.

    The least p of n pairs is 2**-n, when all are worse.
    """
    return max(LEAST_PAIRS, math.floor(-math.log2(p_threshold)) + 1) if p_threshold > 0 else math.inf


def due_seeds(search: SearchSpec, best: Sequence[float], finished: Sequence[float | None]) -> int:
    """Returns how many seeds of a configuration are to run, as far as is known. It ends when all of them have.

    Args:
        search: number of seeds and p threshold.
        best: dev AUC of the best earlier configuration on each seed; empty without one, and then no seed is lost.
        finished: dev AUC of this one on its first seeds; None where a seed failed.
    """
    due = search.seeds if not best else int(min(search.seeds, seeds_before_test(search.p_threshold)))
    while due < search.seeds and len(finished) >= due:
        values = [value for value in finished[:due] if value is not None]
        if len(values) < due or is_worse(values, best, search.p_threshold):
            break
        due += 1
    return due


def is_worse(values: Sequence[float], best: Sequence[float], p_threshold: float) -> bool:
    """Returns whether Optuna's WilcoxonPruner would stop a trial with these values, given those of the best.

    Ties and zeros are treated as there: ``zero_method="zsplit"``.

    Args:
        values: dev AUC on the first seeds.
        best: dev AUC of the best on at least these seeds.
        p_threshold: below which p must be.
    """
    from scipy.stats import wilcoxon

    if len(values) < LEAST_PAIRS or sum(values) / len(values) >= sum(best) / len(best):
        return False
    differences = np.array(values) - np.array(best[: len(values)])
    return bool(wilcoxon(differences, alternative="less", zero_method="zsplit").pvalue < p_threshold)


def mean_result(runs: Sequence[SearchResult]) -> SearchResult:
    """Returns the result of a configuration from those of its seeds, in order; a single seed's as it is."""
    if len(runs) == 1:
        return runs[0]
    values = tuple(run.dev_auc for run in runs)
    known = [value for value in values if value is not None]
    return SearchResult(runs[0].params, fmean(known) if len(known) == len(values) else None, seeds=values)
