"""The first lines of a report: the question of a study, its best methods, and its classes."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from zostudy.report.parts import metric_words
from zostudy.results.classes import StudyClasses, counts_text
from zostudy.results.comparison.cell_summary import CellSummary, RowKey
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.ranking import not_worse_than_best
from zostudy.results.table_formats import value_text
from zostudy.wording import printable


def question(trials: pd.DataFrame, methods: int) -> str:
    """Returns the question that a study with this number of methods answers."""
    ratios = sorted(trials["imbalance_ratio"].unique())
    budget, batch = trials["budget"].max(), trials["batch_size"].max()
    return (
        f"Which of {methods} methods tunes the prompt of {trials['model'].iloc[0]} best on {trials['task'].iloc[0]}, "
        f"at imbalance ratio {_listed(f'{ratio:g}' for ratio in ratios)}, with {budget:,} queries of {batch} examples?"
    )


def findings(cells: Cells) -> list[str]:
    """Returns a line for each metric: the best rows with their columns, and the rows not significantly worse."""
    return [line for metric in cells.metrics if (line := _finding(cells, metric))]


def counts_line(classes: StudyClasses | None) -> str:
    """Returns a line of each class with its word, rows and share of test, and the template; empty if not stored."""
    if classes is None:
        return ""
    rows = sum(each.test for each in classes.classes)
    named = [
        f"{each.name} ({each.asked}{', minority' if each.is_minority else ''}) train {counts_text(each.train)}, "
        f"test {each.test:,} ({each.test / rows:.0%})"
        for each in classes.classes
    ]
    template = f" Template: {classes.template}" if classes.template else ""
    return printable(f"{'; '.join(named)}.{template}")


def _finding(cells: Cells, metric: str) -> str:
    best = [cell for cell in cells.cells if cells.is_best(metric, cell)]
    if not best:
        several = len(cells.rows) > 1 and any(cell.intervals[metric].mean is not None for cell in cells.cells)
        return f"{metric_words(metric)}: no method is called best; the notes below say why." if several else ""
    holds = not_worse_than_best(cells, metric)
    level = [cell for cell in cells.cells if holds[cell.key] and cell not in best]
    beside = f"; not significantly worse: {_by_row(cells, level)}" if level else ""
    return f"{metric_words(metric)}: best is {_by_row(cells, best)}{beside}."


def _by_row(cells: Cells, found: Iterable[CellSummary]) -> str:
    columns: dict[RowKey, list[str]] = {}
    for cell in found:
        columns.setdefault(cell.row, []).append(cells.heading(cell.column))
    every, by = cells.headings, cells.by.removeprefix("imbalance_")
    named = []
    for row, own in columns.items():
        where = f"every {by}" if own == every and len(every) > 1 else f"{by} {_listed(own)}"
        named.append(f"{' '.join(map(value_text, row))} ({where})")
    return ", ".join(named)


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
