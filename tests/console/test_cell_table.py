from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from zostudy.config.loading import load_study
from zostudy.console.cell_table import cell_table, fold_cells
from zostudy.search.cell_progress import CellProgress
from zostudy.search.plan import make_plan
from zostudy.search.progress import StudyProgress


@pytest.fixture
def cells(write_study: Any, monkeypatch: pytest.MonkeyPatch) -> list[CellProgress]:
    """Ten cells, of which the first four have ended."""
    study = write_study(imbalance={"ratios": [1, 2, 3, 4, 5]}, methods=["untuned", "spsa"])
    cells = [*StudyProgress(make_plan(load_study(study)), []).cells.values()]
    ended = {cell.cell.name: cell.n_trials for cell in cells[:4]}
    monkeypatch.setattr(CellProgress, "n_finished", property(lambda cell: ended.get(cell.cell.name, 0)))
    return cells


def test_all_cells_are_shown_where_there_is_room(cells: list[CellProgress]) -> None:
    folded = fold_cells(cells, {}, 10)
    assert (list(folded.shown), folded.note) == (cells, "")


def test_cells_that_have_ended_fold_first_and_those_that_run_last(cells: list[CellProgress]) -> None:
    running = {cells[7].cell.name: 0.5, cells[9].cell.name: None}
    some = fold_cells(cells, running, 8)
    assert (list(some.shown), some.note) == ([cells[0], *cells[4:]], "cells not shown: 3 finished")
    few = fold_cells(cells, running, 4)
    assert (list(few.shown), few.note) == ([cells[4], cells[7], cells[9]], "cells not shown: 4 finished, 3 to come")
    one = fold_cells(cells, running, 2)
    assert (list(one.shown), one.note) == ([cells[7]], "cells not shown: 4 finished, 1 running, 4 to come")
    assert list(fold_cells(cells, running, -3).shown) == []


@pytest.mark.parametrize("width", [100, 40, 24])
def test_each_cell_has_one_line(cells: list[CellProgress], width: int) -> None:
    console = Console(width=width, record=True, quiet=True)
    with console.capture() as capture:
        console.quiet = False
        console.print(cell_table(cells, {cells[5].cell.name: 0.6125}))
    lines = capture.get().splitlines()
    assert len(lines) == 11
    assert max(map(len, lines)) <= width
    if width == 100:
        assert lines[0].split() == ["ratio", "method", "search", "confirm", "running", "dev", "AUC"]
        assert lines[6].split()[-2:] == ["0.613", "-"]
