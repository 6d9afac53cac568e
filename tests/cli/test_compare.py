"""``zostudy compare``: what it prints where, and in which order."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

QUICKSTART = Path(__file__).resolve().parents[1] / "data" / "quickstart"


@pytest.fixture
def of_two_seeds(tmp_path: Path) -> Path:
    """The quickstart without its third confirm seed."""
    folder = shutil.copytree(QUICKSTART, tmp_path / "two")
    trials = pq.read_table(folder / "trials" / "merged.parquet")
    kept = [(trial["stage"], trial["number"]) != ("confirm", 2) for trial in trials.to_pylist()]
    pq.write_table(trials.filter(kept), folder / "trials" / "merged.parquet")
    return folder


@pytest.mark.parametrize("format", ["csv", "json"])
def test_programs_get_the_notes_beside_the_records(call: Any, of_two_seeds: Path, format: str) -> None:
    called = call("compare", of_two_seeds, "--baseline", "spsa", "--format", format)
    assert called.code == 0
    notes = called.err.splitlines()
    few = "note: Too few seeds: a test needs 3 that both methods have; confirm more (confirm.seeds)."
    assert few in notes
    below = call("compare", of_two_seeds, "--baseline", "spsa").out.splitlines()
    assert {note.removeprefix("note: ") for note in notes} < set(below)
    assert called.out.startswith("method,imbalance_ratio,metric" if format == "csv" else "[")
    assert call("compare", QUICKSTART, "--baseline", "spsa", "--format", format).err.count(few) == 0


def test_a_table_has_its_notes_below_it(call: Any, of_two_seeds: Path) -> None:
    called = call("compare", of_two_seeds, "--baseline", "spsa")
    assert called.err == ""
    assert "\nToo few seeds: " in called.out


@pytest.mark.parametrize("name", ["auc.bmp", "nowhere/auc.svg"])
def test_a_figure_that_cannot_be_is_refused_before_anything_is_printed(call: Any, tmp_path: Path, name: str) -> None:
    called = call("compare", QUICKSTART, "--figure", tmp_path / name)
    assert (called.code, called.out, called.err.count("\n")) == (2, "", 1)


def test_a_figure_is_drawn_beside_what_is_printed(call: Any, tmp_path: Path) -> None:
    called = call("compare", QUICKSTART, "--metric", "test_auc", "--figure", tmp_path / "auc.png", "--format", "json")
    assert len(json.loads(called.out)) == 9
    assert (tmp_path / "auc.png").stat().st_size > 0
