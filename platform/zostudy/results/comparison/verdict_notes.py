"""Verdicts as the lines under a table: one a rule and remedy, with the cells that it falls on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from zostudy.results.comparison.cell_summary import CellKey, RowKey
from zostudy.results.comparison.cells import Cells
from zostudy.results.comparison.verdicts import Verdict
from zostudy.results.table_formats import value_text

MOST_ROWS = 6
"""Rows whose cells a line names; records hold the verdicts on all."""


def verdict_notes(cells: Cells, metrics: Collection[str | None]) -> list[str]:
    """Returns lines such as ``Did not move: zosa at ratio 1 (...), 10 (...). To change: raise search.trials``.

    A verdict that several metrics give is listed under the first of them only.

    Args:
        cells: of a comparison.
        metrics: of the verdicts; None for the verdicts on cells as a whole.
    """
    first: dict[tuple[str, CellKey], str | None] = {}
    grouped: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in cells.verdicts:
        is_first = first.setdefault((verdict.rule, verdict.cell.key), verdict.metric) == verdict.metric
        if is_first and verdict.metric in metrics:
            grouped.setdefault((verdict.title, verdict.setting), []).append(verdict)
    return [f"{title}: {_listed(cells, of)}. To change: {setting}." for (title, setting), of in grouped.items()]


def _listed(cells: Cells, found: Sequence[Verdict]) -> str:
    """Returns the cells of each row with their figures. A figure that all cells share stands once, at the end."""
    by_row: dict[RowKey, list[Verdict]] = {}
    for verdict in found:
        by_row.setdefault(verdict.cell.row, []).append(verdict)
    shared = len(found) > 1 and len({_figure(verdict) for verdict in found}) == 1
    by, named = cells.by.removeprefix("imbalance_"), []
    for row, of_row in list(by_row.items())[:MOST_ROWS]:
        columns = (cells.heading(each.cell.column) + ("" if shared else f" ({_figure(each)})") for each in of_row)
        named.append(f"{' '.join(map(value_text, row))} at {by} {', '.join(columns)}")
    if len(by_row) > MOST_ROWS:
        named.append(f"and {len(by_row) - MOST_ROWS:,} more rows")
    return "; ".join(named) + (f" (each {_figure(found[0])})" if shared else "")


def _figure(verdict: Verdict) -> str:
    return verdict.figure or verdict.fact
