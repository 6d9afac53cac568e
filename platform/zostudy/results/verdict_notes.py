"""Verdicts as the lines under a table: one a rule and remedy, with the cells that it falls on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zostudy.results.cell_summary import CellKey
from zostudy.results.cells import Cells
from zostudy.results.verdicts import Verdict, verdicts, verdicts_in

MOST_ROWS = 6
"""Rows whose cells a line names; records hold the verdicts on all."""


def verdict_notes(cells: Cells, metrics: Sequence[str]) -> list[str]:
    """Returns the verdicts in some metrics, each against a yardstick.

    The first metric of the comparison decides: of the others, those that an earlier metric gave too are left out.
    """
    told: set[tuple[str, CellKey]] = set()
    found = []
    for metric in cells.metrics[: 1 + max(map(cells.metrics.index, metrics))]:
        fresh = [each for each in verdicts_in(metric, cells.cells) if (each.rule, each.cell.key) not in told]
        told |= {(each.rule, each.cell.key) for each in fresh}
        found += fresh if metric in metrics else []
    return _lines(cells, found)


def cell_notes(cells: Cells) -> list[str]:
    """Returns the verdicts on cells as a whole, which stand under the last table."""
    return _lines(cells, verdicts(cells.cells))


def _lines(cells: Cells, found: Iterable[Verdict]) -> list[str]:
    """Returns lines such as ``Did not move: zosa at ratio 1 (...), 10 (...). To change: raise search.trials``."""
    grouped: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in found:
        grouped.setdefault((verdict.title, verdict.setting), []).append(verdict)
    return [f"{title}: {_listed(cells, of)}. To change: {setting}." for (title, setting), of in grouped.items()]


def _listed(cells: Cells, found: Sequence[Verdict]) -> str:
    """Returns the cells of each row with their figures."""
    by_row: dict[str, list[str]] = {}
    for verdict in found:
        row = " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in verdict.cell.row)
        column = f"{cells.heading(verdict.cell.column)} ({verdict.figure or verdict.fact})"
        by_row.setdefault(row, []).append(column)
    by = cells.by.removeprefix("imbalance_")
    named = [f"{row} at {by} {', '.join(columns)}" for row, columns in by_row.items()]
    more = [f"and {len(named) - MOST_ROWS:,} more rows"] if len(named) > MOST_ROWS else []
    return "; ".join([*named[:MOST_ROWS], *more])
