"""``zostudy compare``: which method at which imbalance ratio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zostudy.cli.formats import Format, Table, show

if TYPE_CHECKING:
    from zostudy.results.compare import Cell, Comparison


def compare_command(
    folders: Annotated[
        list[str], typer.Argument(metavar="DIR", help="Results folders of studies, or a folder of such.")
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(help="What to compare, such as test_auc; may be repeated.", show_default=False),
    ] = None,
    by: Annotated[str, typer.Option(help="What stands across: imbalance_ratio, model, task or study.")] = (
        "imbalance_ratio"
    ),
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TABLE,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it too, as PNG, SVG or PDF.", show_default=False)
    ] = None,
) -> None:
    """Compare methods: mean and 95% interval over the confirm seeds, with the queries spent."""
    from zostudy.results.compare import DEFAULT_METRICS, compare
    from zostudy.results.reading import load_results

    comparison = compare(load_results(folders).trials, metric or DEFAULT_METRICS, by)
    show(comparison.records(), format, comparison_tables(comparison))
    if figure is not None:
        from zostudy.results.figures import draw_comparison

        draw_comparison(comparison, figure)


def comparison_tables(comparison: Comparison) -> list[Table]:
    """Returns one table a metric: rows are methods, columns imbalance ratios, and what was spent.

    The notes stand under the last one.
    """
    *others, last = comparison.metrics
    return [*(_table(comparison, metric) for metric in others), _table(comparison, last, _notes(comparison))]


def _table(comparison: Comparison, metric: str, notes: tuple[str, ...] = ()) -> Table:
    cells = {(cell.row, cell.column): cell for cell in comparison.cells}
    best = [comparison.best(metric, column) for column in comparison.columns]
    seeds = _range(cell.seeds + cell.failed for cell in comparison.cells)
    n_names = len(comparison.row_names)
    rows, best_places = [], set()
    for i, row in enumerate(comparison.rows):
        across = [cells.get((row, column)) for column in comparison.columns]
        best_places |= {(i, n_names + j) for j, cell in enumerate(across) if cell and cell is best[j]}
        rows.append((*map(_value, row), *(_interval(cell, metric) for cell in across), *_spent(across)))
    return Table(
        columns=(*comparison.row_names, *map(_value, comparison.columns), "queries", "examples"),
        rows=tuple(rows),
        title=f"{metric} by {comparison.by}: mean ±95% interval over {seeds} confirm seeds",
        notes=notes,
        text_columns=n_names,
        best=frozenset(best_places),
    )


def _interval(cell: Cell | None, metric: str) -> str:
    if cell is None:
        return "-"
    mean, half_width = cell.intervals[metric]
    if mean is None:
        return "failed"
    text = f"{mean:.3f}" if half_width is None else f"{mean:.3f} ±{half_width:.3f}"
    return f"{text} ({cell.seeds}/{cell.seeds + cell.failed})" if cell.failed else text


def _spent(across: Sequence[Cell | None]) -> tuple[str, str]:
    """Returns queries and examples of one trial, as a range where the cells of a row differ."""
    cells = [cell for cell in across if cell]
    return _range(cell.queries for cell in cells), _range(cell.examples for cell in cells)


def _notes(comparison: Comparison) -> tuple[str, ...]:
    notes = []
    if any(cell.seeds < 2 for cell in comparison.cells):
        notes.append("No interval where fewer than 2 seeds ended.")
    failed = sum(cell.failed for cell in comparison.cells)
    if failed:
        notes.append(
            f"Confirm trials that failed: {failed}. They are in no mean, (2/3) says that 2 of 3 seeds ended, "
            "and a cell that lost seeds is not called best; the column error of trials says why."
        )
    return tuple(notes)


def _range(values: Iterable[float]) -> str:
    low, *_, high = sorted([*values] * 2)
    return f"{low:,.0f}" if low == high else f"{low:,.0f}-{high:,.0f}"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
