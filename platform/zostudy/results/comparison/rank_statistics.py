"""Ranks of methods over blocks, such as tasks: Friedman's test, Nemenyi's critical difference, bootstrap intervals.

A block is one model, task, budget and imbalance ratio. In it every method has one value: its mean over the confirm
seeds that all of them have. J. Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7 (2006),
describes the procedure: sections 3.1.3 (two methods), 3.2.2 (more).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import fmean
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zostudy.randomness import generator
from zostudy.results.comparison.cell_summary import Block, CellKey, SeedKey, gain
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.ranking import column_ranks
from zostudy.results.comparison.statistics import CONFIDENCE, SIGNIFICANCE

LEAST_METHODS, LEAST_BLOCKS = 2, 3

RESAMPLES = 2_000

_BlockValues: TypeAlias = Mapping[str, Mapping[SeedKey, float]]


@dataclass(frozen=True)
class MethodRank:
    """The rank of a method, averaged over blocks; 1 is the best.

    Attributes:
        method: its label, with the registered name where one label stands for several methods.
        mean: its average rank.
        low: end of the 95% bootstrap interval, of blocks drawn with replacement.
        high: the other end.
    """

    method: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class RankStatistics:
    """The ranks of methods in one metric, and whether they differ by more than chance.

    Attributes:
        metric: a column of ``trials``.
        ranks: of the methods, the best first.
        named_by: what names a block, such as ``("task", "imbalance_ratio")``.
        blocks: those that count, in each of which every ranked method has all its seeds.
        left_out: methods that were left out, because they are not in enough blocks.
        lost_blocks: blocks that were left out, because a ranked method is not whole there.
        test: ``Friedman``, or Wilcoxon's signed-rank test of two methods.
        statistic: of the test, with its correction for ties; 0 where all values are equal.
        p_value: that the methods are all alike.
        critical_difference: Nemenyi's, at 5%: average ranks that differ by less are not told apart. None of two
            methods, which the test alone tells apart.
        groups: the largest runs of methods that are not told apart; all methods where the test finds no difference.
    """

    metric: str
    ranks: tuple[MethodRank, ...]
    named_by: tuple[str, ...]
    blocks: tuple[Block, ...]
    left_out: tuple[str, ...]
    lost_blocks: int
    test: Literal["Friedman", "Wilcoxon"]
    statistic: float
    p_value: float
    critical_difference: float | None
    groups: tuple[tuple[str, ...], ...]

    @property
    def sources(self) -> int:
        """The number of models, tasks, budgets or studies that the blocks are of, whatever their ratios."""
        return self._count_without("imbalance_ratio")

    @property
    def data_sets(self) -> int:
        """The number of models and tasks that the blocks are of.

        The ratios, budgets and studies of one share rows and seeds.
        """
        return self._count_without("imbalance_ratio", "budget", "batch_size", "study")

    def _count_without(self, *names: str) -> int:
        kept = [index for index, name in enumerate(self.named_by) if name not in names]
        return len({tuple(block[index] for index in kept) for block in self.blocks})


def rank_statistics(cells: Cells, metric: str) -> RankStatistics | None:
    """Returns the rank statistics of a metric; None where no two methods share three blocks.

    References are not ranked. Where methods lack blocks, whatever lacks the largest share goes, a method or a block,
    until every method that stays is in every block that stays.
    """
    found = _values_by_block(cells, metric)
    methods = tuple(dict.fromkeys(method for values in found.values() for method in values))
    ranked, blocks = _full_part(methods, found)
    seeds = {block: frozenset.intersection(*(frozenset(found[block][method]) for method in ranked)) for block in blocks}
    blocks = [block for block in blocks if seeds[block]]
    if len(ranked) < LEAST_METHODS or len(blocks) < LEAST_BLOCKS:
        return None
    means = [[fmean([found[block][method][seed] for seed in seeds[block]]) for block in blocks] for method in ranked]
    gains = np.array([[gain(metric, mean) for mean in row] for row in means])
    ranks = column_ranks(gains)
    order = np.argsort(ranks.mean(axis=1), kind="stable")
    gains, ranks, ranked = gains[order], ranks[order], [ranked[index] for index in order]
    averages, intervals = ranks.mean(axis=1), bootstrap_intervals(ranks)
    test, statistic, p_value = _test(gains)
    difference = critical_difference(*ranks.shape) if test == "Friedman" else None
    return RankStatistics(
        metric=metric,
        ranks=tuple(
            MethodRank(method, float(average), float(low), float(high))
            for method, average, (low, high) in zip(ranked, averages, intervals, strict=True)
        ),
        named_by=(*cells.row_names[:-1], cells.by),
        blocks=tuple(blocks),
        left_out=tuple(method for method in methods if method not in ranked),
        lost_blocks=sum(len(values) >= LEAST_METHODS for values in found.values()) - len(blocks),
        test=test,
        statistic=statistic,
        p_value=p_value,
        critical_difference=difference,
        groups=_groups(ranked, averages, difference) if p_value <= SIGNIFICANCE else (tuple(ranked),),
    )


def critical_difference(n_methods: int, n_blocks: int) -> float:
    """Returns Nemenyi's critical difference of average ranks at 5%: q sqrt(k (k + 1) / (6 N)) (Demsar 2006, p. 11).

    q is the quantile of the studentized range of k means with infinitely many degrees of freedom, over sqrt(2).
    """
    from scipy.stats import studentized_range  # slow to import, and most comparisons need no rank statistics

    q = float(studentized_range.ppf(1 - SIGNIFICANCE, n_methods, inf)) / sqrt(2)
    return q * sqrt(n_methods * (n_methods + 1) / (6 * n_blocks))


def bootstrap_intervals(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the 95% percentile intervals of the mean ranks, float64 ``[k, 2]``, of blocks drawn with replacement.

    The draws are the same each time. With few blocks such intervals are too narrow.

    Args:
        ranks: float64 ``[k, N]``, of k methods in N blocks.
    """
    n_blocks, tail = ranks.shape[1], (1 - CONFIDENCE) / 2
    drawn = generator(0, "ranks").integers(n_blocks, size=(RESAMPLES, n_blocks))
    flat_indices = (drawn + n_blocks * np.arange(RESAMPLES)[:, None]).ravel()
    counts = np.bincount(flat_indices, minlength=drawn.size).reshape(drawn.shape)  # how often each block was drawn
    ends: NDArray[np.float64] = np.quantile(counts @ ranks.T / n_blocks, [tail, 1 - tail], axis=0)
    return ends.T


def _values_by_block(cells: Cells, metric: str) -> dict[Block, _BlockValues]:
    """Returns the values of each method that is whole in a block, by seed."""
    names = ranked_names(cells)
    found: dict[Block, dict[str, Mapping[SeedKey, float]]] = {}
    for cell in cells.ranked:
        if cell.whole and (values := cell.values.get(metric)):
            found.setdefault(cell.block, {})[names[cell.key]] = values
    return dict(found)


def ranked_names(cells: Cells) -> dict[CellKey, str]:
    """Returns the method's name of each cell, with its algorithm where studies gave one label to several."""
    labels = Counter(label for label, _ in {(cell.row[-1], cell.evidence.algorithm) for cell in cells.ranked})
    return {
        cell.key: f"{cell.row[-1]} ({cell.evidence.algorithm})" if labels[cell.row[-1]] > 1 else str(cell.row[-1])
        for cell in cells.ranked
    }


def _full_part(methods: Sequence[str], found: Mapping[Block, _BlockValues]) -> tuple[list[str], list[Block]]:
    """Returns methods and blocks such that every method is in every block; perhaps none."""
    present = np.array([[method in values for values in found.values()] for method in methods], dtype=bool)
    rows, columns = [*methods], [*found]
    while present.size and not present.all():
        lacking = [1 - present.mean(axis=1 - axis) for axis in (0, 1)]
        axis = 0 if lacking[0].max() > lacking[1].max() else 1
        index = int(lacking[axis].argmax())
        present = np.delete(present, index, axis)
        del (rows if axis == 0 else columns)[index]
    return (rows, columns) if present.size else ([], [])


def _test(gains: NDArray[np.float64]) -> tuple[Literal["Friedman", "Wilcoxon"], float, float]:
    """Returns the name, the statistic and the p-value of the test for gains ``[k, N]`` of k methods in N blocks."""
    from scipy.stats import friedmanchisquare, wilcoxon

    name: Literal["Friedman", "Wilcoxon"] = "Friedman" if len(gains) > LEAST_METHODS else "Wilcoxon"
    if not np.ptp(gains, axis=0).any():
        return name, 0.0, 1.0
    found = friedmanchisquare(*gains) if name == "Friedman" else wilcoxon(*gains)
    return name, float(found.statistic), float(found.pvalue)


def _groups(
    methods: Sequence[str], averages: NDArray[np.float64], difference: float | None
) -> tuple[tuple[str, ...], ...]:
    """Returns the largest runs of methods, which are in the order of their averages, that differ by less.

    Without a critical difference each method is a run of its own.
    """
    if difference is None:
        return tuple((method,) for method in methods)
    ends = [int(np.searchsorted(averages, average + difference)) for average in averages]
    starts = [index for index, end in enumerate(ends) if not index or end > ends[index - 1]]
    return tuple(tuple(methods[start : ends[start]]) for start in starts)
