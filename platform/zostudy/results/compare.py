"""Which method at which imbalance: confirm trials side by side, at equal budgets, with their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from zostudy.errors import ResultsError
from zostudy.results.intervals import CONFIDENCE, Interval, t_interval
from zostudy.results.schema import METRICS

DEFAULT_METRICS = ("test_auc", "test_balanced_accuracy", "test_minority_recall")

_COMPARABLE = tuple(f"{split}_{metric}" for split in ("test", "dev") for metric in METRICS)
_COORDINATES = ("model", "task", "imbalance_ratio", "method")
_COLUMNS = ("imbalance_ratio", "model", "task", "study")


@dataclass(frozen=True)
class Cell:
    """The confirm trials of one cell, summed up.

    Attributes:
        row: where the cell stands beside others, one value for each of the comparison's ``row_names``.
        column: the cell's value of what is compared by, such as its imbalance ratio.
        intervals: mean and half width over the complete trials, by metric.
        seeds: complete trials.
        failed: trials that did not end; they are in no mean.
        budget: queries a trial was allowed.
        queries: queries a complete trial spent, on average.
        examples: examples a complete trial had scored, on average.
    """

    row: tuple[Any, ...]
    column: Any
    intervals: dict[str, Interval]
    seeds: int
    failed: int
    budget: int
    queries: float
    examples: float


@dataclass(frozen=True)
class Comparison:
    """Methods against imbalance ratios, or against models, tasks or studies.

    Attributes:
        by: the column of ``trials`` that the cells are set against.
        row_names: what a row is made of: ``method``, after whatever else differs between the cells.
        metrics: the metrics compared.
        cells: one a row and column, the untuned prompt first.
    """

    by: str
    row_names: tuple[str, ...]
    metrics: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows in the order of a table."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[Any]:
        """The values compared by, in ascending order."""
        return sorted({cell.column for cell in self.cells})

    def best(self, metric: str, column: Any) -> Cell | None:
        """Returns the cell with the highest mean of a column, the first of equals.

        A cell that lost seeds is passed over, since it may have lost the hard ones; None if all did.
        """
        whole = [cell for cell in self.cells if cell.column == column and not cell.failed]
        return max(whole, key=lambda cell: cell.intervals[metric].mean or 0.0, default=None)

    def records(self) -> list[dict[str, Any]]:
        """Returns one flat mapping a cell and metric, with unrounded numbers, for programs to read."""
        return [
            {
                **dict(zip(self.row_names, cell.row, strict=True)),
                self.by: cell.column,
                "metric": metric,
                "mean": interval.mean,
                "half_width": interval.half_width,
                "confidence": CONFIDENCE,
                "seeds": cell.seeds,
                "failed": cell.failed,
                "budget": cell.budget,
                "queries": cell.queries,
                "examples": cell.examples,
            }
            for metric in self.metrics
            for cell in self.cells
            for interval in [cell.intervals[metric]]
        ]


def compare(trials: pd.DataFrame, metrics: Sequence[str] = DEFAULT_METRICS, by: str = "imbalance_ratio") -> Comparison:
    """Returns mean and 95% t interval over the confirm seeds of each cell, with what the cell spent.

    Args:
        trials: the ``trials`` table, as ``load_results`` gives it. Search trials are left out.
        metrics: columns of ``trials`` such as ``test_auc``.
        by: what stands across: ``imbalance_ratio``, ``model``, ``task`` or ``study``.

    Raises:
        ResultsError: there is nothing to compare, a metric or ``by`` is unknown, two studies ran the same
            cell, or budgets differ. The untuned prompt, which spends nothing, may stand beside any budget.
    """
    _check_names(metrics, by)
    confirm = trials[trials["stage"] == "confirm"]
    if confirm.empty:
        raise ResultsError(
            f"a comparison needs confirm trials, but there are only {len(trials)} search trials so far; "
            "let the study run to its end"
        )
    _check_budgets(confirm)
    coordinates = [name for name in _COORDINATES if name != by]
    row_names = tuple(name for name in coordinates if name == "method" or confirm[name].nunique() > 1)
    groups = confirm.groupby([*coordinates, by], sort=True)
    cells = [_cell(group, row_names, metrics, by) for _, group in groups]
    return Comparison(by, row_names, tuple(metrics), tuple(sorted(cells, key=lambda cell: cell.queries > 0)))


def _cell(trials: pd.DataFrame, row_names: tuple[str, ...], metrics: Sequence[str], by: str) -> Cell:
    studies = trials["study"].unique()
    if len(studies) > 1:
        raise ResultsError(
            f"a cell must be of one study, but {_place(trials)} is in {' and '.join(studies)} too; "
            "compare them by study"
        )
    complete = trials[trials["status"] == "complete"]
    spent = trials if complete.empty else complete
    return Cell(
        row=tuple(trials[name].iloc[0] for name in row_names),
        column=trials[by].iloc[0],
        intervals={metric: t_interval(complete[metric].dropna()) for metric in metrics},
        seeds=len(complete),
        failed=len(trials) - len(complete),
        budget=int(trials["budget"].iloc[0]),
        queries=float(spent["queries"].mean()),
        examples=float(spent["examples"].mean()),
    )


def _check_names(metrics: Sequence[str], by: str) -> None:
    unknown = [metric for metric in metrics if metric not in _COMPARABLE]
    if unknown:
        raise ResultsError(f"a metric must be one of {', '.join(_COMPARABLE)}, but got {unknown[0]}")
    if by not in _COLUMNS:
        raise ResultsError(f"methods can be compared by {', '.join(_COLUMNS)}, but got {by}")


def _check_budgets(confirm: pd.DataFrame) -> None:
    tuned = confirm[confirm.groupby(["study", "cell"])["queries"].transform("max") > 0]
    budgets = tuned.drop_duplicates(["budget", "batch_size"])
    if len(budgets) > 1:
        first, second = (
            f"{_place(row)} has {row['budget'].iloc[0]} queries of {row['batch_size'].iloc[0]} examples"
            for row in (budgets.iloc[:1], budgets.iloc[1:2])
        )
        raise ResultsError(
            f"compared cells must have equal budgets, but {first} and {second}; compare studies of one budget"
        )


def _place(trials: pd.DataFrame) -> str:
    first = trials.iloc[0]
    return f"{first['method']} at imbalance ratio {first['imbalance_ratio']:g} of study {first['study']}"
