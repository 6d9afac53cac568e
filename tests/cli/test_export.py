"""``zostudy export``, ``predict`` and ``tokens`` as a user calls them."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zostudy.export.manifest import read_manifest
from zostudy.tasks.files import read_rows


@pytest.fixture
def results(finished_study: Callable[..., Any]) -> Path:
    folder: Path = finished_study("exported", budget={"queries": 16, "batch_size": 8, "evaluations": 1}).folder
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.csv"
    path.write_text('text,label\n"It was fine, truly.",1\nA bad one.,0\n', encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_prompt_is_exported_and_labels_a_file(
    call: Callable[..., Any], results: Path, texts: Path, tmp_path: Path
) -> None:
    out, to = tmp_path / "out", tmp_path / "labelled.jsonl"
    exported = call("export", results, "spsa-r2-confirm-001", "-o", out)
    assert exported.code == 0, exported.err
    assert exported.out.splitlines()[0] == f"exported: spsa-r2-confirm-001 to {out}"
    written = call("predict", out, texts, "--output", to)
    assert (written.code, written.out) == (0, "")
    note, loading, decision, labelled, title, head, argmax, threshold = written.err.splitlines()
    assert note == "note: labels that are numbers are taken as the classes in their order: 0 = negative, 1 = positive"
    assert title.startswith("2 rows with a class in column 'label': AUC ")
    assert (head.split()[0], argmax.split()[0], threshold.split()[0]) == ("decision", "argmax", "threshold")
    assert (loading, labelled) == ("loading mini-roberta", f"labelled: 2 texts in {to}")
    probability = read_manifest(out).decision.probability
    assert decision == (
        f"decision: 'positive' where its probability is above {probability:.6g}, the threshold chosen on dev, "
        "else 'negative'"
    )
    printed = call("predict", out, texts)
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert [row["text"] for row in rows] == ["It was fine, truly.", "A bad one."]
    table = read_rows(to).table
    assert table.column_names == [
        *("text", "label", "predicted_label", "argmax_label", "score_negative", "score_positive"),
        *("probability_negative", "probability_positive"),
    ]
    assert [row["predicted_label"] for row in rows] == table["predicted_label"].to_pylist()
    assert [float(row["score_positive"]) for row in rows] == pytest.approx(
        table["score_positive"].to_pylist(), abs=1e-5
    )


@pytest.mark.slow
def test_labels_that_are_no_classes_are_a_note_unless_the_column_was_named(
    call: Callable[..., Any], results: Path, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    call("export", results, "best", "--to", out)
    texts.write_text("text,label,truth\nGood.,yes,positive\nBad.,no,negative\n", encoding="utf-8")
    fault = (
        "column 'label' must hold the classes negative, positive, but it holds 'yes'; "
        "write the classes so, or name their column by --label"
    )
    implied = call("predict", out, texts)
    assert implied.code == 0
    assert f"note: no metrics: {texts}: {fault}" in implied.err.splitlines()
    named = call("predict", out, texts, "--label", "label")
    assert (named.code, named.out) == (2, "")
    assert named.err.splitlines() == [f"error: {texts}: {fault}"]
    other = call("predict", out, texts, "--label", "truth")
    assert "2 rows with a class in column 'truth': AUC" in other.err
    assert "did you mean truth" in call("predict", out, texts, "--label", "thruth").err


@pytest.mark.slow
def test_the_command_that_uses_an_export_can_be_pasted(call: Callable[..., Any], results: Path, tmp_path: Path) -> None:
    out = tmp_path / "mé <b>"
    [*_, use] = call("export", results, "best", "--to", out).out.splitlines()
    assert shlex.split(use) == ["use:", "zostudy", "predict", str(out), "FILE"]


@pytest.mark.slow
def test_a_model_that_is_not_there_is_named_with_its_option(
    call: Callable[..., Any], results: Path, texts: Path, tmp_path: Path
) -> None:
    call("export", results, "best", "--to", tmp_path / "out")
    called = call("predict", tmp_path / "out", texts, "--model", "./gone")
    assert (called.code, called.out) == (2, "")
    assert "error: --model: must be a folder that exists, but './gone' does not exist" in called.err


@pytest.mark.slow
def test_texts_in_a_folder_are_refused_as_such(call: Callable[..., Any], results: Path, tmp_path: Path) -> None:
    call("export", results, "best", "--to", tmp_path / "out")
    [line] = call("predict", tmp_path / "out", tmp_path).err.splitlines()
    assert f"{tmp_path}: must be a file of texts, but it is a folder; name a CSV, TSV, JSON or Parquet file" in line


@pytest.mark.parametrize("option", ["--text", "--second-text", "--label", "--model"])
def test_an_empty_name_is_not_taken_for_none(call: Callable[..., Any], tmp_path: Path, option: str) -> None:
    called = call("predict", tmp_path, tmp_path / "texts.csv", option, "")
    assert (called.code, called.out) == (2, "")
    assert called.err == f"error: {option}: must not be empty, but got ''; leave it out\n"


@pytest.mark.slow
def test_tokens_are_a_table_or_records(call: Callable[..., Any], results: Path) -> None:
    table = call("tokens", results, "best", "--top", "2")
    assert table.code == 0, table.err
    assert table.out.splitlines()[0].split()[:3] == ["vector", "start", "token"]
    records = json.loads(call("tokens", results, "best", "--top", "2", "--format", "json").out)
    assert len(records) == 20
    assert [record["rank"] for record in records[:3]] == [1, 2, 1]
    assert records[0]["token"] in table.out.splitlines()[1]


@pytest.mark.slow
def test_a_cell_and_best_say_which_trial_was_taken(call: Callable[..., Any], results: Path, tmp_path: Path) -> None:
    for name, cell in {"spsa-r2": "spsa", "untuned-r2": "untuned", "best": ".*"}.items():
        called = call("tokens", results, name, "--top", "1")
        assert re.match(
            rf"{name}: {cell}-r2-confirm-00\d, {cell} at imbalance ratio 2, dev AUC \d\.\d{{3}}\n", called.err
        )
    exported = call("export", results, "untuned-r2", "--to", tmp_path / "out")
    assert exported.err.startswith("untuned-r2: untuned-r2-confirm-00")
    assert exported.out.startswith("exported: untuned-r2-confirm-00")


@pytest.mark.slow
def test_mistakes_are_one_line(call: Callable[..., Any], results: Path, texts: Path, tmp_path: Path) -> None:
    out, full = tmp_path / "out", tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").touch()
    mistakes = {
        ("export", results, "spsa-r2-confirm-009", "--to", out): "did you mean spsa-r2-confirm-00",
        ("export", results, "spsa-r2-search-000", "--to", out): "must be a confirm trial",
        ("export", results, "best", "--to", full): "holds notes.txt; name another folder",
        ("export", tmp_path / "none", "best", "--to", out): "holds no study.yaml",
        ("tokens", results, "nothing-like-it"): "name one of its 6 trials, such as",
        ("predict", out, texts): "make it with: zostudy export",
        ("predict", tmp_path / "my out", texts): f"--to '{tmp_path / 'my out'}'",
    }
    for arguments, message in mistakes.items():
        called = call(*arguments)
        [line] = called.err.splitlines()
        assert message in line
        assert (called.code, called.out) == (2, ""), arguments
    assert not out.exists()
