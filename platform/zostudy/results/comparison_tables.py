"""A comparison as tables for people: one a metric, and one of the differences to a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from zostudy.results.comparison import Cell, Comparison
from zostudy.results.intervals import CONFIDENCE
from zostudy.results.standing import Contrast, Place, average_ranks, contrasts, holding
from zostudy.results.statistics import LEAST_PAIRS, SIGNIFICANCE
from zostudy.results.tables import Table

HOLDS = "†"


def comparison_tables(comparison: Comparison) -> list[Table]:
    """Returns one table a metric: rows are methods, columns imbalance ratios, with ranks and what was spent.

    With a baseline, a table of the differences to it follows each. The notes stand under the last one of its kind.
    """
    held = {metric: _held(comparison, metric) for metric in comparison.metrics}
    tables = []
    for metric in comparison.metrics:
        notes = _notes(comparison, any(held.values())) if metric == comparison.metrics[-1] else ()
        tables.append(_table(comparison, metric, held[metric], notes))
        if comparison.baseline is not None:
            tables.append(_differences(comparison, metric, comparison.baseline))
    return tables


def _table(comparison: Comparison, metric: str, held: set[Place], notes: tuple[str, ...]) -> Table:
    cells = {(cell.row, cell.column): cell for cell in comparison.cells}
    ranks = average_ranks(comparison, metric)
    columns = comparison.columns
    with_ranks = len(comparison.rows) > 1 and len(columns) > 1
    n_names = len(comparison.row_names)
    rows, best_places = [], set()
    for i, row in enumerate(comparison.rows):
        across = [cells.get((row, column)) for column in columns]
        best_places |= {
            (i, n_names + j) for j, cell in enumerate(across) if cell and _is_best(comparison, metric, cell)
        }
        rank = (f"{ranks[row]:.1f}" if row in ranks else "-",) if with_ranks else ()
        shown = (_shown(cell, metric, held) for cell in across)
        rows.append((*map(_value, row), *shown, *rank, *_spent(across)))
    seeds = _range(cell.seeds + cell.failed for cell in comparison.cells)
    return Table(
        columns=(
            *comparison.row_names,
            *map(_value, columns),
            *(("rank",) if with_ranks else ()),
            "queries",
            "examples",
        ),
        rows=tuple(rows),
        title=f"{metric} by {comparison.by}: mean ±{CONFIDENCE:.0%} interval over {seeds} confirm seeds",
        notes=notes,
        text_columns=n_names,
        best=frozenset(best_places),
    )


def _held(comparison: Comparison, metric: str) -> set[Place]:
    """Returns where cells hold against the best that are not the best themselves."""
    holds = holding(comparison, metric)
    places = {(cell.row, cell.column): cell for cell in comparison.cells}
    return {place for place, cell in places.items() if holds[place] and not _is_best(comparison, metric, cell)}


def _is_best(comparison: Comparison, metric: str, cell: Cell) -> bool:
    return cell is comparison.best(metric, cell.column, cell.group)


def _shown(cell: Cell | None, metric: str, held: set[Place]) -> str:
    if cell is None:
        return "-"
    mean, half_width = cell.intervals[metric]
    if mean is None:
        return "failed"
    text = f"{mean:.3f}" if half_width is None else f"{mean:.3f} ±{half_width:.3f}"
    if cell.failed:
        text = f"{text} ({cell.seeds}/{cell.seeds + cell.failed})"
    return f"{text}{HOLDS}" if (cell.row, cell.column) in held else text


def _differences(comparison: Comparison, metric: str, baseline: str) -> Table:
    found = contrasts(comparison, metric)
    n_tests = sum(contrast.test.p_value is not None for contrast in found)
    notes = [
        f"p: paired t test, two-sided, Holm's correction for the tests of this table ({n_tests}). "
        "g: Hedges' g of paired differences (mean / standard deviation, corrected for small samples)."
    ]
    if n_tests < len(found):
        notes.append(f"Too few seeds: a test needs {LEAST_PAIRS} that both methods have; confirm more (confirm.seeds).")
    return Table(
        columns=(*comparison.row_names, comparison.by, f"difference to {baseline}", "p", "g", "seeds"),
        rows=tuple(_difference(contrast) for contrast in found),
        title=f"{metric} against {baseline}: mean difference ±{CONFIDENCE:.0%} interval over the seeds that both have",
        notes=tuple(notes),
        text_columns=len(comparison.row_names),
    )


def _difference(contrast: Contrast) -> tuple[str, ...]:
    mean, half_width = contrast.test.difference
    difference = "-" if mean is None else f"{mean:+.3f}" + ("" if half_width is None else f" ±{half_width:.3f}")
    p_value, effect = contrast.p_value_holm, contrast.test.effect_size
    return (
        *map(_value, contrast.cell.row),
        _value(contrast.cell.column),
        difference,
        "too few seeds" if p_value is None else "<0.001" if p_value < 0.001 else f"{p_value:.3f}",
        "-" if effect is None else f"{effect:+.2f}",
        str(contrast.test.pairs),
    )


def _spent(across: Sequence[Cell | None]) -> tuple[str, str]:
    """Returns queries and examples of one trial, as a range where the cells of a row differ."""
    cells = [cell for cell in across if cell]
    return _range(cell.queries for cell in cells), _range(cell.examples for cell in cells)


def _notes(comparison: Comparison, any_holds: bool) -> tuple[str, ...]:
    notes = []
    if any_holds:
        notes.append(
            f"{HOLDS} not significantly worse than the best of its column (paired t test over the seeds, "
            f"p > {SIGNIFICANCE:g}, not corrected for the number of methods)."
        )
    if any(0 < cell.seeds < LEAST_PAIRS for cell in comparison.cells) and len(comparison.rows) > 1:
        notes.append(f"Too few seeds to tell what is significantly worse than the best: that takes {LEAST_PAIRS}.")
    if comparison.unequal:
        notes.append("Budgets differ: scores of more queries are no sign of a better method.")
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
