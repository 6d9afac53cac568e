"""Compares cells with one another: ranks, the cells not worse than the best, and tests against a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zostudy.results.comparison.cell_summary import CellKey, CellSummary, RowKey, gain, possible
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.statistics import SIGNIFICANCE, PairedTest, holm_of_tests


@dataclass(frozen=True)
class Contrast:
    """A cell against the baseline in the same column.

    Attributes:
        cell: the method that is not the baseline.
        test: of the cell's values minus the baseline's, seed by seed; the interval is cut at the largest difference
            that the metric can have.
        p_value_holm: corrected for all tests of the comparison in this metric; None where ``test`` has none.
    """

    cell: CellSummary
    test: PairedTest
    p_value_holm: float | None


class Rank(NamedTuple):
    """The rank of a row, averaged over a number of columns."""

    mean: float
    columns: int


def contrasts(cells: Cells, metric: str) -> list[Contrast]:
    """Returns the test of each cell against the baseline of its column; none without a baseline.

    A reference is tested only as the baseline.
    """
    baselines = {cell.block: cell for cell in cells.cells if cell.row[-1] == cells.baseline}
    tests = [
        (cell, possible(cell.test_against(baseline, metric), metric))
        for cell in cells.ranked
        if (baseline := baselines.get(cell.block)) is not None and baseline is not cell
    ]
    corrected = holm_of_tests([test for _, test in tests])
    return [Contrast(cell, test, p_value) for (cell, test), p_value in zip(tests, corrected, strict=True)]


def not_worse_than_best(cells: Cells, metric: str) -> dict[CellKey, bool | None]:
    """Returns by row and column whether a cell is not significantly worse than the best one of its column.

    It is None if it cannot be tested: the cell lacks seeds, there is no best cell, the two have too few pairs, or it is
    of a reference. The test is the paired t test at 5%, not corrected for the number of cells, so that among many some
    fail by chance.
    """
    return {cell.key: _holds(cells, metric, cell) for cell in cells.cells}


def _holds(cells: Cells, metric: str, cell: CellSummary) -> bool | None:
    best = cells.best(metric, cell.column, cell.group)
    if best is cell:
        return True
    if best is None or not cell.whole or cell.is_reference:
        return None
    test = cell.test_against(best, metric)
    if test.p_value is None or test.difference.mean is None:
        return None
    # A cell that a verdict bars from being the best may have the better mean.
    return test.p_value > SIGNIFICANCE or gain(metric, test.difference.mean) > 0


def average_ranks(cells: Cells, metric: str) -> dict[RowKey, Rank]:
    """Returns the rank of each row by its mean, 1 for the best, averaged over columns; equals share their ranks.

    Only columns count in which every row of the group is whole; rows without such a column, and those of references,
    have no rank.
    """
    groups: dict[RowKey, dict[CellKey, float | None]] = {}
    for cell in cells.ranked:
        groups.setdefault(cell.group, {})[cell.key] = cell.gain(metric)
    ranks: dict[RowKey, Rank] = {}
    for means in groups.values():
        rows, columns = (list(dict.fromkeys(key[i] for key in means)) for i in (0, 1))
        table = np.array([[means.get((row, column)) for column in columns] for row in rows], dtype=np.float64)
        whole = table[:, ~np.isnan(table).any(axis=0)]
        if len(rows) > 1 and whole.size:
            averages = column_ranks(whole).mean(axis=1).tolist()
            ranks |= {row: Rank(average, whole.shape[1]) for row, average in zip(rows, averages, strict=True)}
    return ranks


def column_ranks(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns each row's rank within its column, 1 for the highest; equals get the average of their ranks."""
    greater = (means[None, :, :] > means[:, None, :]).sum(axis=1)
    equal = (means[None, :, :] == means[:, None, :]).sum(axis=1)
    ranks: NDArray[np.float64] = 0.5 + greater + equal / 2
    return ranks
