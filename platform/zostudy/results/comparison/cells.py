"""The cells of a comparison, and the best one of each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from zostudy.ratios import NATURAL, ratio_label
from zostudy.results.comparison.cell_summary import Block, CellKey, CellSummary, RowKey, by_block
from zostudy.results.comparison.verdicts import Verdict, is_yardstick, verdicts


@dataclass(frozen=True, repr=False)
class Cells:
    """Methods against imbalance ratios, or against models, tasks or studies.

    Attributes:
        by: the column of ``trials`` that the cells are set against.
        row_names: the names of a row's values: those in which cells differ, then ``method``.
        metrics: the metrics compared.
        cells: one a row and column, those that spend nothing first, references with more access last.
        baseline: the method that the others are tested against, if any.
        unequal: whether cells with different budgets were let in.
        notes: remarks on the studies, such as which ones are unfinished.
        natural_ratios: the imbalance ratios of which every trial took the data as they are.
        scope: of one comparison among several: its studies, models, tasks, budgets and methods, each name once.
    """

    by: str
    row_names: tuple[str, ...]
    metrics: tuple[str, ...]
    cells: tuple[CellSummary, ...]
    baseline: str | None = None
    unequal: bool = False
    notes: tuple[str, ...] = ()
    natural_ratios: frozenset[float] = frozenset()
    scope: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def heading(self, column: Any) -> str:
        """Returns a column's value as a table shows it."""
        if not isinstance(column, float):
            return str(column)
        return ratio_label(NATURAL if column in self.natural_ratios else column, column)

    @property
    def rows(self) -> list[RowKey]:
        """The rows in the order of a table."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def references(self) -> list[RowKey]:
        """The rows of references, the last ones of a table."""
        return list(dict.fromkeys(cell.row for cell in self.cells if cell.is_reference))

    @property
    def ranked(self) -> list[CellSummary]:
        """The cells that are compared with one another: all but those of references."""
        return [cell for cell in self.cells if not cell.is_reference]

    @property
    def columns(self) -> list[Any]:
        """The values compared by, in ascending order."""
        return sorted({cell.column for cell in self.cells})

    @property
    def headings(self) -> list[str]:
        """The columns' values as a table shows them, in the same order."""
        return [*map(self.heading, self.columns)]

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """All verdicts: those on cells as a whole, then those in each metric."""
        return verdicts(self.cells, self.metrics)

    def best(self, metric: str, column: Any, group: RowKey = ()) -> CellSummary | None:
        """Returns the cell with the best mean of a column and group, the first of equals.

        References do not count, nor do cells that are not whole, have no mean, or are barred by a verdict. None if no
        cell counts, if there is only one cell, or if the best one that counts is a yardstick below a barred cell.
        """
        return self._best.get((metric, (*group, column)))

    def is_best(self, metric: str, cell: CellSummary) -> bool:
        """Returns whether a cell is the best of its column and group."""
        return cell is self.best(metric, cell.column, cell.group)

    @cached_property
    def _best(self) -> dict[tuple[str, Block], CellSummary | None]:
        return {
            (metric, block): self._best_of(metric, cells) if len(cells) > 1 else None
            for metric in self.metrics
            for block, cells in by_block(self.ranked).items()
        }

    @cached_property
    def _barred(self) -> set[tuple[CellKey, str | None]]:
        return {(verdict.cell.key, verdict.metric) for verdict in self.verdicts if verdict.bars}

    def _best_of(self, metric: str, cells: Sequence[CellSummary]) -> CellSummary | None:
        """Returns the cell with the best mean of those that no verdict bars.

        None where that cell is of a yardstick and a barred cell has a better mean: neither is shown to be better.
        """
        means = [(mean, cell) for cell in cells if (mean := cell.gain(metric)) is not None]
        descending = sorted(means, key=lambda found: -found[0])
        for mean, cell in descending:
            if self._barred.isdisjoint({(cell.key, None), (cell.key, metric)}):
                is_beaten = is_yardstick(cell) and descending[0][0] > mean
                return None if is_beaten else cell
        return None
