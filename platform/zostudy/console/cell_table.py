"""The table of a running study's cells, folded to the rows that a terminal has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from zostudy.search.progress import CellProgress

HEADINGS = ("ratio", "method", "search", "confirm", "running", "dev AUC")


@dataclass(frozen=True)
class FoldedCells:
    """The cells that are shown, in their order, and how many are not.

    Attributes:
        shown: with the cells that run before all others.
        note: such as ``not shown: 12 cells finished, 3 to come``; empty if all are shown.
    """

    shown: Sequence[CellProgress]
    note: str


def fold_cells(cells: Sequence[CellProgress], running: Mapping[str, float | None], n_rows: int) -> FoldedCells:
    """Returns the cells that fit in a number of rows: those that run, then those to come, then those that are done.

    Args:
        cells: of the study, in the order of its table.
        running: the best dev AUC of the running trials of each cell that has some; None before the first evaluation.
        n_rows: of the terminal that cells may take, the note's among them.
    """
    if len(cells) <= n_rows:
        return FoldedCells(cells, "")

    def rank(cell: CellProgress) -> int:
        return 0 if cell.cell.name in running else 2 if cell.n_finished >= cell.n_trials else 1

    chosen = sorted(cells, key=rank)[: max(0, n_rows - 1)]
    hidden = [rank(cell) for cell in cells if cell not in chosen]
    kinds = (f"{hidden.count(kind)} {what}" for kind, what in ((2, "finished"), (0, "running"), (1, "to come")))
    note = ", ".join(kind for kind in kinds if not kind.startswith("0 "))
    return FoldedCells([cell for cell in cells if cell in chosen], f"cells not shown: {note}")


def cell_table(cells: Sequence[CellProgress], running: Mapping[str, float | None]) -> Table:
    """Returns the table; each cell has one line, on a terminal of any width."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=True)
    for cell in cells:
        table.add_row(*_row(cell, running))
    return table


def _row(cell: CellProgress, running: Mapping[str, float | None]) -> tuple[str, ...]:
    done = {stage: sum(row.stage == stage for row in cell.rows) for stage in ("search", "confirm")}
    return (
        cell.cell.ratio_label,
        cell.cell.method.label,
        f"{done['search']}/{cell.n_search_trials}",
        f"{done['confirm']}/{cell.cell.n_confirm}",
        _auc(running[cell.cell.name]) if cell.cell.name in running else "",
        _auc(cell.dev_auc),
    )


def _auc(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
