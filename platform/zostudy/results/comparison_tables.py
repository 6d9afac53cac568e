"""A comparison as tables for people: one a metric, and one of the differences to a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zostudy.results.comparison import Cell, Comparison
from zostudy.results.intervals import CONFIDENCE
from zostudy.results.ranking import CellKey, Contrast, average_ranks, contrasts, not_worse_than_best
from zostudy.results.statistics import LEAST_PAIRS, SIGNIFICANCE, PairedTest
from zostudy.results.tables import Table

HOLDS, UNKNOWN = "†", "‡"


def comparison_tables(comparison: Comparison) -> list[Table]:
    """Returns one table a metric: rows are methods, columns imbalance ratios, with ranks and what was spent.

    With a baseline, a table of the differences to it follows each. The notes stand under the last one of its kind.
    """
    marks = {metric: _marks(comparison, metric) for metric in comparison.metrics}
    tables = []
    for metric in comparison.metrics:
        notes = _rank_notes(comparison, metric)
        if metric == comparison.metrics[-1]:
            shown = {mark for places in marks.values() for mark in places.values()}
            notes += [*_mark_notes(comparison, shown), *_notes(comparison)]
        tables.append(_table(comparison, metric, marks[metric], tuple(notes)))
        if comparison.baseline is not None and (found := contrasts(comparison, metric)):
            tables.append(_differences(comparison, metric, comparison.baseline, found))
    return tables


def comparison_notes(comparison: Comparison) -> list[str]:
    """Returns what the tables' notes say beside explaining their marks, for who reads ``records`` instead."""
    notes = [note for metric in comparison.metrics for note in _rank_notes(comparison, metric)]
    tests = [contrast.test for metric in comparison.metrics for contrast in contrasts(comparison, metric)]
    return list(dict.fromkeys([*notes, *_notes(comparison), *_test_notes(tests)]))


def _table(comparison: Comparison, metric: str, marks: Mapping[CellKey, str], notes: tuple[str, ...]) -> Table:
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
        rank = (f"{ranks[row].mean:.1f}" if row in ranks else "-",) if with_ranks else ()
        shown = (_shown(cell, metric, marks) for cell in across)
        rows.append((*map(_value, row), *shown, *rank, *_spent(across)))
    seeds = _range(cell.seeds + cell.failed + cell.missing for cell in comparison.cells)
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


def _marks(comparison: Comparison, metric: str) -> dict[CellKey, str]:
    """Returns the marks of the cells that hold against the best, or may, where another one is the best."""
    holds = not_worse_than_best(comparison, metric)
    shown = {
        (cell.row, cell.column): cell
        for cell in comparison.cells
        if cell.intervals[metric].mean is not None
        and comparison.best(metric, cell.column, cell.group) not in (None, cell)
    }
    return {place: HOLDS if holds[place] else UNKNOWN for place in shown if holds[place] is not False}


def _is_best(comparison: Comparison, metric: str, cell: Cell) -> bool:
    return cell is comparison.best(metric, cell.column, cell.group)


def _shown(cell: Cell | None, metric: str, marks: Mapping[CellKey, str]) -> str:
    if cell is None:
        return "-"
    mean, half_width = cell.intervals[metric]
    if mean is None and not cell.missing:
        return "failed" if cell.failed else "no value"
    text = "-" if mean is None else f"{mean:.3f}" if half_width is None else f"{mean:.3f} ±{half_width:.3f}"
    if _shows_seeds(cell, metric):
        text = f"{text} ({cell.seeds}/{cell.seeds + cell.failed + cell.missing})"
    return text + marks.get((cell.row, cell.column), "")


def _shows_seeds(cell: Cell, metric: str) -> bool:
    """Returns whether a cell tells how many of its seeds ended; one that says "failed" does not."""
    return bool(cell.missing or (cell.failed and cell.intervals[metric].mean is not None))


def _differences(comparison: Comparison, metric: str, baseline: str, found: Sequence[Contrast]) -> Table:
    tests = [contrast.test for contrast in found]
    n_tests = sum(test.p_value is not None for test in tests)
    explained = (
        f"p: paired t test, two-sided, Holm's correction for the tests of this table ({n_tests}). "
        "g: Hedges' g of paired differences (mean / standard deviation, corrected for small samples)."
    )
    return Table(
        columns=(*comparison.row_names, comparison.by, f"difference to {baseline}", "p", "g", "seeds"),
        rows=tuple(_difference(contrast) for contrast in found),
        title=f"{metric} against {baseline}: mean difference ±{CONFIDENCE:.0%} interval over the seeds that both have",
        notes=(explained, *_test_notes(tests)),
        text_columns=len(comparison.row_names),
    )


def _test_notes(tests: Sequence[PairedTest]) -> list[str]:
    notes = []
    if any(_too_few(test) for test in tests):
        notes.append(f"Too few seeds: a test needs {LEAST_PAIRS} that both methods have; confirm more (confirm.seeds).")
    if any(test.p_value is None and not _too_few(test) for test in tests):
        notes.append(
            "No p and g where the difference is the same in every seed: there is no spread to test it against."
        )
    return notes


def _difference(contrast: Contrast) -> tuple[str, ...]:
    mean, half_width = contrast.test.difference
    difference = "-" if mean is None else f"{mean:+.3f}" + ("" if half_width is None else f" ±{half_width:.3f}")
    effect = contrast.test.effect_size
    return (
        *map(_value, contrast.cell.row),
        _value(contrast.cell.column),
        difference,
        _p_value(contrast),
        "-" if effect is None else f"{effect:+.2f}",
        str(contrast.test.pairs),
    )


def _p_value(contrast: Contrast) -> str:
    p_value = contrast.p_value_holm
    if p_value is None:
        return "too few seeds" if _too_few(contrast.test) else "-"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _too_few(test: PairedTest) -> bool:
    return test.pairs < LEAST_PAIRS


def _spent(across: Sequence[Cell | None]) -> tuple[str, str]:
    """Returns queries and examples of one trial, as a range where the cells of a row differ."""
    cells = [cell for cell in across if cell]
    return _range(cell.queries for cell in cells), _range(cell.examples for cell in cells)


def _rank_notes(comparison: Comparison, metric: str) -> list[str]:
    n_columns, counts = len(comparison.columns), {rank.columns for rank in average_ranks(comparison, metric).values()}
    if n_columns == 1 or counts <= {n_columns}:
        return []
    return [f"rank: over {_range(counts)} of {n_columns} columns, those in which every method has all its seeds."]


def _mark_notes(comparison: Comparison, marks: set[str]) -> list[str]:
    notes = []
    if HOLDS in marks:
        notes.append(
            f"{HOLDS} not significantly worse than the best of its column (paired t test over the seeds, "
            f"p > {SIGNIFICANCE:g}, not corrected for the number of methods)."
        )
    if UNKNOWN in marks:
        notes.append(
            f"{UNKNOWN} not tested against the best of its column: that takes {LEAST_PAIRS} seeds that both have, "
            "all seeds of both, and a difference that is not the same in every seed."
        )
    if any(_shows_seeds(cell, metric) for cell in comparison.cells for metric in comparison.metrics):
        notes.append("(2/3): 2 of 3 seeds ended.")
    return notes


def _notes(comparison: Comparison) -> list[str]:
    notes = []
    if comparison.unequal:
        notes.append("Budgets differ: scores of more queries are no sign of a better method.")
    searched = {cell.search_trials for cell in comparison.cells if cell.queries}
    if len(searched) > 1:
        notes.append(
            f"Search trials of a cell differ ({_range(searched)}): settings that are the best of more trials are no "
            "sign of a better method."
        )
    if any(cell.seeds < 2 for cell in comparison.cells):
        notes.append("No interval where fewer than 2 seeds ended.")
    failed, missing = (sum(getattr(cell, what) for cell in comparison.cells) for what in ("failed", "missing"))
    if failed:
        notes.append(
            f"Confirm trials that failed: {failed}. They are in no mean, and a cell that lost seeds is not called "
            "best; the column error of trials says why."
        )
    if missing:
        notes.append(f"Confirm trials still to come: {missing}. A cell that waits for seeds is not called best.")
    return [*notes, *_baseline_note(comparison), *comparison.notes]


def _baseline_note(comparison: Comparison) -> list[str]:
    if comparison.baseline is None:
        return []
    its_own, others = (
        {(cell.group, cell.column) for cell in comparison.cells if (cell.row[-1] == comparison.baseline) is of_baseline}
        for of_baseline in (True, False)
    )
    if not its_own:
        return [f"No tests: {comparison.baseline} has no confirm trial yet."]
    return [] if its_own & others else [f"No tests: no other method has a confirm trial beside {comparison.baseline}."]


def _range(values: Iterable[float]) -> str:
    low, *_, high = sorted([*values] * 2)
    return f"{low:,.0f}" if low == high else f"{low:,.0f}-{high:,.0f}"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
