"""Verdicts as the lines under a table: one a rule and remedy, with the cells that it falls on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zostudy.results.cells import Cells
from zostudy.results.verdicts import Verdict, verdicts, verdicts_in

MOST_NAMED = 12
"""Cells that a line names; records hold the verdicts on all."""


def verdict_notes(cells: Cells, metrics: Sequence[str]) -> list[str]:
    """Returns the verdicts in some metrics, each against a yardstick."""
    return _lines(cells, (verdict for metric in metrics for verdict in verdicts_in(metric, cells.cells)))


def cell_notes(cells: Cells) -> list[str]:
    """Returns the verdicts on cells as a whole, which stand under the last table."""
    return _lines(cells, verdicts(cells.cells))


def _lines(cells: Cells, found: Iterable[Verdict]) -> list[str]:
    """Returns lines such as ``Did not move: zosa at 10 (3 of 3 seeds ...). To change: raise reach.``."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for verdict in found:
        grouped.setdefault((verdict.title, verdict.setting), []).append(f"{_named(cells, verdict)} ({verdict.fact})")
    return [f"{title}: {_listed(of)}. To change: {setting}." for (title, setting), of in grouped.items()]


def _listed(named: Sequence[str]) -> str:
    more = [f"and {len(named) - MOST_NAMED:,} more"] if len(named) > MOST_NAMED else []
    return "; ".join([*named[:MOST_NAMED], *more])


def _named(cells: Cells, verdict: Verdict) -> str:
    """Returns the row and column of a verdict's cell."""
    row = " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in verdict.cell.row)
    return f"{row} at {cells.by.removeprefix('imbalance_')} {cells.heading(verdict.cell.column)}"
