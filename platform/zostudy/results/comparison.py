"""What a comparison holds: its cells, the best of them, and records for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from zostudy.results.intervals import CONFIDENCE, Interval
from zostudy.results.ranking import Contrast, average_ranks, contrasts, not_worse_than_best
from zostudy.results.tables import Table, html, plain

Seed: TypeAlias = tuple[int, ...]
"""What pairs confirm trials of two methods."""


@dataclass(frozen=True)
class Cell:
    """The confirm trials of one cell, summed up.

    Attributes:
        row: where the cell stands beside others, one value for each of the comparison's ``row_names``.
        column: the cell's value of what is compared by, such as its imbalance ratio.
        intervals: mean and half width over the complete trials, by metric.
        seeds: complete trials.
        failed: trials that did not end; they are in no mean.
        missing: trials still to come: those that another cell of its study and column has and this one lacks, or
            that ran with settings which a later search has improved on.
        search_trials: finished search trials, of which the best gave the settings.
        budget: queries a trial was allowed.
        queries: queries a complete trial spent, on average.
        examples: examples a complete trial had scored, on average.
        values: of the complete trials by metric and seed, for paired tests.
    """

    row: tuple[Any, ...]
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

    @property
    def group(self) -> tuple[Any, ...]:
        """What the cell has in common with those it is ranked and tested against, beside the column."""
        return self.row[:-1]

    @property
    def whole(self) -> bool:
        """Whether all its seeds ended; one that lost some, or waits for some, may lack the hard ones."""
        return not self.failed and not self.missing


@dataclass(frozen=True, repr=False)
class Comparison:
    """Methods against imbalance ratios, or against models, tasks or studies.

    Attributes:
        by: the column of ``trials`` that the cells are set against.
        row_names: what a row is made of: ``method``, after whatever else differs between the cells.
        metrics: the metrics compared.
        cells: one a row and column, the untuned prompt first.
        baseline: the method that the others are tested against, if any.
        unequal: whether cells with different budgets were let in.
        notes: what a reader should know of the studies, such as which ones are unfinished.
    """

    by: str
    row_names: tuple[str, ...]
    metrics: tuple[str, ...]
    cells: tuple[Cell, ...]
    baseline: str | None = None
    unequal: bool = False
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows in the order of a table."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[Any]:
        """The values compared by, in ascending order."""
        return sorted({cell.column for cell in self.cells})

    def best(self, metric: str, column: Any, group: tuple[Any, ...] = ()) -> Cell | None:
        """Returns the cell with the highest mean of a column and group, the first of equals.

        A cell that is not whole, or has no mean, is passed over; None if all are, and where there is but one cell.
        """
        return self._best[metric, column, group]

    @cached_property
    def _best(self) -> dict[tuple[str, Any, tuple[Any, ...]], Cell | None]:
        peers: dict[tuple[Any, tuple[Any, ...]], list[Cell]] = {}
        for cell in self.cells:
            peers.setdefault((cell.column, cell.group), []).append(cell)
        return {
            (metric, *place): max(
                (cell for cell in cells if len(cells) > 1 and cell.whole and cell.intervals[metric].mean is not None),
                key=lambda cell, metric=metric: cell.intervals[metric].mean,  # type: ignore[misc]
                default=None,
            )
            for metric in self.metrics
            for place, cells in peers.items()
        }

    def records(self) -> list[dict[str, Any]]:
        """Returns one flat mapping a cell and metric, with unrounded numbers, for programs to read."""
        return [record for metric in self.metrics for record in self._records(metric)]

    def __repr__(self) -> str:
        """Returns the tables that ``zostudy compare`` prints."""
        return plain(*self._tables())

    def _repr_html_(self) -> str:
        """Returns the same tables for notebooks."""
        return "".join(map(html, self._tables()))

    def _tables(self) -> list[Table]:
        from zostudy.results.comparison_tables import comparison_tables

        return comparison_tables(self)

    def _records(self, metric: str) -> list[dict[str, Any]]:
        ranks, holds = average_ranks(self, metric), not_worse_than_best(self, metric)
        against = {(contrast.cell.row, contrast.cell.column): contrast for contrast in contrasts(self, metric)}
        return [
            {
                **dict(zip(self.row_names, cell.row, strict=True)),
                self.by: cell.column,
                "metric": metric,
                "mean": cell.intervals[metric].mean,
                "half_width": cell.intervals[metric].half_width,
                "confidence": CONFIDENCE,
                "seeds": cell.seeds,
                "failed": cell.failed,
                "missing": cell.missing,
                "search_trials": cell.search_trials,
                "budget": cell.budget,
                "queries": cell.queries,
                "examples": cell.examples,
                "best": cell is self.best(metric, cell.column, cell.group),
                "not_worse_than_best": holds[cell.row, cell.column],
                "average_rank": ranks[cell.row].mean if cell.row in ranks else None,
                "ranked_columns": ranks[cell.row].columns if cell.row in ranks else 0,
                **(_against(against.get((cell.row, cell.column)), self.baseline) if self.baseline else {}),
            }
            for cell in self.cells
        ]


def _against(contrast: Contrast | None, baseline: str) -> dict[str, Any]:
    test = contrast.test if contrast else None
    return {
        "baseline": baseline,
        "pairs": test.pairs if test else None,
        "difference": test.difference.mean if test else None,
        "difference_half_width": test.difference.half_width if test else None,
        "p_value": test.p_value if test else None,
        "p_value_holm": contrast.p_value_holm if contrast else None,
        "effect_size": test.effect_size if test else None,
    }
