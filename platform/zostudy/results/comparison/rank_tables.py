"""Rank statistics for people: one table of all metrics, where the blocks are of several studies, tasks or budgets."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.rank_statistics import RankStatistics, rank_statistics
from zostudy.results.comparison.statistics import CONFIDENCE, SIGNIFICANCE, Interval
from zostudy.results.table_formats import Table
from zostudy.wording import comma_list

LEAST_SOURCES = 2
"""The ratios of one study share rows and seeds: a test over these alone would take one data set for many."""

ENOUGH_BLOCKS = 10
"""Of 10 values drawn at random, the bootstrap interval holds the true mean in 91% of cases; of 5, in 84%."""


def shown_ranks(cells: Cells) -> list[RankStatistics]:
    """Returns the rank statistics of the metrics that have some over several models, tasks, budgets or studies."""
    if len(_sources(cells)) < LEAST_SOURCES:
        return []
    found = [statistics for metric in cells.metrics if (statistics := rank_statistics(cells, metric))]
    return [statistics for statistics in found if statistics.sources >= LEAST_SOURCES]


def rank_tables(cells: Cells) -> list[Table]:
    """Returns a table of mean ranks, a column a metric, or no table. Its rows are in the order of the first metric."""
    shown = shown_ranks(cells)
    if not shown:
        return []
    methods = dict.fromkeys(rank.method for statistics in shown for rank in statistics.ranks)
    texts = [_texts(statistics) for statistics in shown]
    return [
        Table(
            columns=("method", *(statistics.metric for statistics in shown)),
            rows=tuple((method, *(of.get(method, "-") for of in texts)) for method in methods),
            title=f"mean rank ({CONFIDENCE:.0%} bootstrap interval) and group, over blocks of {_named(shown[0])}",
            notes=(*rank_notes(shown), _how_to_read(shown)),
        )
    ]


def rank_notes(shown: Sequence[RankStatistics]) -> list[str]:
    """Returns a line on the test of each metric, and lines on the limits of these tests."""
    if not shown:
        return []
    notes = [_test_note(statistics) for statistics in shown]
    left_out = dict.fromkeys(method for statistics in shown for method in statistics.left_out)
    lost = {statistics.metric: statistics.lost_blocks for statistics in shown if statistics.lost_blocks}
    if left_out:
        notes.append(f"Not ranked over blocks: {', '.join(left_out)}, which other methods share too few blocks with.")
    if lost:
        many = ", ".join(f"{count} of {metric}" for metric, count in lost.items())
        notes.append(f"Blocks left out, because a ranked method lacks seeds there: {many}.")
    fewest = min(len(statistics.blocks) for statistics in shown)
    if fewest < ENOUGH_BLOCKS:
        notes.append(f"The bootstrap intervals are too narrow with {fewest} blocks; {ENOUGH_BLOCKS} would do.")
    if any(len(statistics.blocks) > statistics.data_sets for statistics in shown):
        n_sets = min(statistics.data_sets for statistics in shown)
        of = f"{n_sets} models and tasks" if n_sets > 1 else "one model and task, so that p is too small"
        parts = "ratios, budgets and studies" if "study" in shown[0].named_by else "ratios and budgets"
        notes.append(f"The blocks are of {of}: {parts} of one share rows and seeds.")
    return notes


def p_text(statistics: RankStatistics) -> str:
    """Returns the p-value of the test, such as ``p = 0.017``."""
    return "p < 0.001" if statistics.p_value < 0.001 else f"p = {statistics.p_value:.3f}"


def _how_to_read(shown: Sequence[RankStatistics]) -> str:
    of_ranks = "their mean ranks differ by less than the critical difference, or "
    rule = of_ranks if any(statistics.critical_difference for statistics in shown) else ""
    return (
        f"Rank 1 is the best of a block. Methods that share a letter are not told apart: {rule}the test finds no "
        "difference at all."
    )


def _test_note(statistics: RankStatistics) -> str:
    found = "" if statistics.p_value <= SIGNIFICANCE else ", no difference"
    test = "Friedman's test" if statistics.test == "Friedman" else "Wilcoxon's signed-rank test"
    difference = statistics.critical_difference
    rule = "" if difference is None else f"; Nemenyi's critical difference at {SIGNIFICANCE:.0%} is {difference:.2f}"
    return f"{statistics.metric}: {test} over {len(statistics.blocks)} blocks, {p_text(statistics)}{found}{rule}."


def _texts(statistics: RankStatistics) -> dict[str, str]:
    """Returns what a table says of each method."""
    letters: dict[str, str] = {}
    for index, group in enumerate(statistics.groups):
        for method in group:
            letters[method] = letters.get(method, "") + ascii_lowercase[index % len(ascii_lowercase)]
    return {
        rank.method: f"{Interval(rank.mean, rank.low, rank.high):.1f} {letters[rank.method]}"
        for rank in statistics.ranks
    }


def _named(statistics: RankStatistics) -> str:
    return comma_list([name.removeprefix("imbalance_") for name in statistics.named_by])


def _sources(cells: Cells) -> set[tuple[object, ...]]:
    """Returns what the cells are of, but for their ratios: looked at first, as rank statistics take an import."""
    names = (*cells.row_names[:-1], cells.by)
    kept = [index for index, name in enumerate(names) if name != "imbalance_ratio"]
    return {tuple(cell.block[index] for index in kept) for cell in cells.ranked}
