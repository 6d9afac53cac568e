"""``zostudy compare``: what it prints where, and in which order."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
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


@pytest.mark.parametrize("format", ["table", "markdown", "csv"])
def test_notes_name_flags(call: Any, tmp_path: Path, format: str) -> None:
    again = with_columns(tmp_path / "again", {"study": "again"})
    called = call("compare", QUICKSTART, again, "--metric", "test_auc", "--format", format)
    assert "again and quickstart ran the same cells, which --by study sets side by side." in called.out + called.err


@pytest.mark.parametrize("name", ["auc.bmp", "nowhere/auc.svg"])
def test_a_figure_that_cannot_be_is_refused_before_anything_is_printed(call: Any, tmp_path: Path, name: str) -> None:
    called = call("compare", QUICKSTART, "--figure", tmp_path / name)
    assert (called.code, called.out, called.err.count("\n")) == (2, "", 1)


def test_a_figure_is_drawn_beside_what_is_printed(call: Any, tmp_path: Path) -> None:
    called = call("compare", QUICKSTART, "--metric", "test_auc", "--figure", tmp_path / "auc.png", "--format", "json")
    assert len(json.loads(called.out)) == 9
    assert (tmp_path / "auc.png").stat().st_size > 0


@pytest.fixture
def of_another_model(tmp_path: Path) -> Path:
    """The quickstart as if another model had run it."""
    return with_columns(tmp_path / "gpt2", {"study": "gpt2", "model": "mini-gpt2"})


def with_columns(folder: Path, changed: dict[str, str]) -> Path:
    """The quickstart in another folder, with other values in columns of its trials."""
    shutil.copytree(QUICKSTART, folder)
    trials = pq.read_table(folder / "trials" / "merged.parquet")
    for name, value in changed.items():
        index = trials.schema.get_field_index(name)
        trials = trials.set_column(index, trials.schema.field(name), [[value] * len(trials)])
    pq.write_table(trials, folder / "trials" / "merged.parquet")
    return folder


def test_several_studies_end_in_ranks_and_draw_them(call: Any, of_another_model: Path, tmp_path: Path) -> None:
    called = call("compare", QUICKSTART, of_another_model, "--metric", "test_auc", "--figure", tmp_path / "ranks.svg")
    assert (called.code, called.err) == (0, "")
    assert "\nmean rank (95% bootstrap interval) and group, over blocks of model, ratio\n" in called.out
    assert "test_auc: Friedman's test over 6 blocks, p = " in called.out
    assert "critical difference" in (tmp_path / "ranks.svg").read_text()


def test_studies_that_cannot_share_a_table_get_one_each(call: Any, of_another_model: Path, tmp_path: Path) -> None:
    floor = of_another_model / "precision" / "cells.parquet"
    rows = pq.read_table(floor)
    index, chosen = rows.schema.get_field_index("chosen"), pc.invert(rows["chosen"])  # both dtypes are there
    pq.write_table(rows.set_column(index, rows.schema.field("chosen"), chosen), floor)
    folders = (QUICKSTART, of_another_model)
    called = call("compare", *folders, "--metric", "test_auc")
    assert called.out.count("test_auc by imbalance_ratio") == 2
    assert "gpt2 ran in bfloat16, quickstart in float32." in called.out
    assert [line.split()[:2] for line in called.out.splitlines()[-4:-2]] == [["1", "quickstart"], ["2", "gpt2"]]
    records = json.loads(call("compare", *folders, "--metric", "test_auc", "--format", "json").out)
    assert [record["table"] for record in records] == [1] * 9 + [2] * 9
    refused = call("compare", *folders, "--figure", tmp_path / "both.svg")
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "these take 2" in refused.err
    assert not (tmp_path / "both.svg").exists()
