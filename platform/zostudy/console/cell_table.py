"""The table of a running study's cells, cut to the height of the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from zostudy.search.cell_progress import CellProgress

HEADINGS = ("ratio", "method", "search", "confirm", "running", "dev AUC")


@dataclass(frozen=True)
class FoldedCells:
    """A choice of cells for the table, and a note on the others.

    Attributes:
        shown: the chosen cells, in the order of the study.
        note: such as ``cells not shown: 12 finished, 3 to come``; empty if all are shown.
    """

    shown: Sequence[CellProgress]
    note: str


def fold_cells(cells: Sequence[CellProgress], running: Mapping[str, float | None], n_rows: int) -> FoldedCells:
    """Returns the cells that fit in ``n_rows`` rows, one of which is the note's: running, then waiting, then finished.

    ``running`` maps each cell with running trials to their best dev AUC, which is None before the first evaluation.
    """
    if len(cells) <= n_rows:
        return FoldedCells(cells, "")

    def rank(cell: CellProgress) -> int:
        return 0 if cell.cell.name in running else 2 if cell.n_finished >= cell.n_trials else 1

    chosen = sorted(cells, key=rank)[: max(0, n_rows - 1)]
    hidden = [rank(cell) for cell in cells if cell not in chosen]
    counts = [(hidden.count(kind), words) for kind, words in ((2, "finished"), (0, "running"), (1, "to come"))]
    note = ", ".join(f"{count} {words}" for count, words in counts if count)
    return FoldedCells([cell for cell in cells if cell in chosen], f"cells not shown: {note}")


def cell_table(cells: Sequence[CellProgress], running: Mapping[str, float | None]) -> Table:
    """Returns the table, in which each cell has one line at any width of the terminal."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=True)
    for cell in cells:
        table.add_row(*_row(cell, running))
    return table


def _row(cell: CellProgress, running: Mapping[str, float | None]) -> tuple[str, ...]:
    return (
        cell.cell.ratio_label,
        cell.cell.method.label,
        f"{cell.n_searched}/{cell.n_search_trials}",
        f"{cell.n_confirmed}/{cell.cell.n_confirm}",
        _auc(running[cell.cell.name]) if cell.cell.name in running else "",
        _auc(cell.dev_auc),
    )


def _auc(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
