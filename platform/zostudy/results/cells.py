"""The cells of a comparison, and the best one of each column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from zostudy.config.ratios import NATURAL, ratio_label
from zostudy.results.schema import lower_is_better
from zostudy.results.statistics import Interval

Seed: TypeAlias = tuple[int, ...]
"""What pairs confirm trials of two methods."""

RowKey: TypeAlias = tuple[Any, ...]
"""Names a row: whatever differs between the cells, then the method."""

CellKey: TypeAlias = tuple[RowKey, Any]
"""Row and column of a cell."""


@dataclass(frozen=True)
class CellSummary:
    """The confirm trials of one method at one imbalance ratio, or in another column, summed up.

    Attributes:
        row: one value for each of the comparison's ``row_names``; the last is the method.
        column: the cell's value of what is compared by, such as its imbalance ratio.
        intervals: mean and 95% interval over the complete trials, by metric.
        seeds: complete trials.
        failed: trials that failed; they are in no mean.
        missing: trials still to come: those that another cell of its study and column has and this one lacks, or
            that ran with settings which a later search has improved on.
        budget: queries a trial was allowed.
        queries: queries a complete trial spent, on average.
        examples: examples a complete trial had scored, on average.
        values: of the complete trials by metric and seed, for paired tests.
        search_trials: configurations that the search tried, of which the best gave the settings.
        needs: what the method asks of the model: scores, states or gradients.
    """

    row: RowKey
    column: Any
    intervals: dict[str, Interval]
    seeds: int
    failed: int
    budget: int
    queries: float
    examples: float
    values: Mapping[str, Mapping[Seed, float]] = field(default_factory=dict)
    missing: int = 0
    search_trials: int = 0
    needs: str = "scores"

    @property
    def is_reference(self) -> bool:
        """Whether the method has more access than a black box gives, so that it is compared with no other."""
        return self.needs != "scores"

    @property
    def key(self) -> CellKey:
        """Row and column."""
        return self.row, self.column

    @property
    def group(self) -> RowKey:
        """What the cell shares, beside the column, with the cells that it is ranked and tested against."""
        return self.row[:-1]

    @property
    def asked(self) -> int:
        """All its trials, also those that failed or are still to come."""
        return self.seeds + self.failed + self.missing

    @property
    def whole(self) -> bool:
        """Whether all its seeds ended; without some, perhaps the hard ones, its mean may be too high."""
        return not self.failed and not self.missing


@dataclass(frozen=True, repr=False)
class Cells:
    """Methods against imbalance ratios, or against models, tasks or studies.

    Attributes:
        by: the column of ``trials`` that the cells are set against.
        row_names: what a row is made of: ``method``, after whatever else differs between the cells.
        metrics: the metrics compared.
        cells: one a row and column, those that spend nothing first, references with more access last.
        baseline: the method that the others are tested against, if any.
        unequal: whether cells with different budgets were let in.
        notes: what a reader should know of the studies, such as which ones are unfinished.
        natural_ratios: the imbalance ratios of which every trial took the data as they are.
    """

    by: str
    row_names: tuple[str, ...]
    metrics: tuple[str, ...]
    cells: tuple[CellSummary, ...]
    baseline: str | None = None
    unequal: bool = False
    notes: tuple[str, ...] = ()
    natural_ratios: frozenset[float] = frozenset()

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

    def best(self, metric: str, column: Any, group: RowKey = ()) -> CellSummary | None:
        """Returns the cell with the best mean of a column and group, the first of equals.

        References and cells that are not whole or have no mean do not count. None if no cell counts, or there is only
        one.
        """
        return self._best.get((metric, column, group))

    def is_best(self, metric: str, cell: CellSummary) -> bool:
        """Returns whether a cell is the best of its column and group."""
        return cell is self.best(metric, cell.column, cell.group)

    @cached_property
    def _best(self) -> dict[tuple[str, Any, RowKey], CellSummary | None]:
        peers: dict[tuple[Any, RowKey], list[CellSummary]] = {}
        for cell in self.ranked:
            peers.setdefault((cell.column, cell.group), []).append(cell)
        return {
            (metric, *key): _best_of(metric, cells) if len(cells) > 1 else None
            for metric in self.metrics
            for key, cells in peers.items()
        }


def gain(metric: str, mean: float) -> float:
    """Returns a mean, or of an error minus it: the higher the better."""
    return -mean if lower_is_better(metric) else mean


def _best_of(metric: str, cells: list[CellSummary]) -> CellSummary | None:
    means = [(mean, cell) for cell in cells if cell.whole and (mean := cell.intervals[metric].mean) is not None]
    return max(means, key=lambda found: gain(metric, found[0]))[1] if means else None
