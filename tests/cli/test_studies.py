"""``zostudy validate | studies | diff | delete``: what they print and refuse."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results" / "reference"


def test_studies_are_listed(call: Callable[..., Any]) -> None:
    shown = call("studies", REFERENCE)
    assert shown.code == 0
    stored = sorted(file.parent.name for file in REFERENCE.glob("*/study.yaml"))
    assert [line.split()[0] for line in shown.out.splitlines()] == ["study", *stored]
    records = {record["study"]: record for record in json.loads(call("studies", REFERENCE, "--format", "json").out)}
    first = records["quickstart"]
    assert (first["state"], first["trials"], first["best"]) == ("complete", 114, "bpt-fzg at 50")


def test_without_a_folder_those_are_listed_that_run_and_query_use(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(REFERENCE / "quickstart", tmp_path / "results" / "mine")
    expected = call("studies", tmp_path / "results").out
    monkeypatch.delenv("ZOSTUDY_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert call("studies").out == expected
    monkeypatch.chdir("/")
    monkeypatch.setenv("ZOSTUDY_RESULTS", str(tmp_path / "results"))
    assert call("studies").out == expected


def test_two_studies_are_told_apart(call: Callable[..., Any]) -> None:
    shown = call("diff", REFERENCE / "quickstart", ROOT / "tests" / "data" / "quickstart")
    assert shown.code == 0
    assert "model.name" in shown.out
    assert "paired over the seeds that drew the same data" in shown.out


def test_a_study_file_is_validated_without_its_model_or_data(call: Callable[..., Any], tmp_path: Path) -> None:
    study, _ = tmp_path / "mine.yaml", (tmp_path / "data.csv").write_text("")
    study.write_text("name: mine\nmodel: {name: no/such-model}\ntask: {file: data.csv}\nmethods: [zosa, untuned]\n")
    shown = call("validate", study, "--set", "budget.queries=40")
    assert shown.code == 0
    assert f"{study} is valid: " in shown.out
    study.write_text("name: mine\nmodel: {name: mini-llama}\ntask: {name: reviews}\nmethods: [zosta]\n")
    refused = call("validate", study)
    assert refused.code == 2
    assert "zosa" in refused.err


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_nothing_is_deleted_without_a_yes(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    folder = shutil.copytree(REFERENCE / "quickstart", tmp_path / "quickstart")
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    shown = call("delete", folder)
    assert shown.code == 1
    assert shown.out.endswith("nothing was deleted\n")
    assert "delete 114 trials of" in shown.err
    assert (folder / "trials" / "merged.parquet").exists()


def test_a_question_that_nobody_answers_is_one_line(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(REFERENCE / "quickstart", tmp_path / "quickstart")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    shown = call("delete", folder)
    assert shown.code == 2
    assert shown.err.endswith("nobody answered, so nothing was deleted; answer y, or give --yes\n")
    assert (folder / "trials" / "merged.parquet").exists()


def test_yes_deletes_the_results_and_keeps_the_study_file(call: Callable[..., Any], tmp_path: Path) -> None:
    folder = shutil.copytree(REFERENCE / "quickstart", tmp_path / "quickstart")
    shown = call("delete", folder, "--yes")
    assert shown.code == 0
    assert shown.out == f"deleted: 114 trials of {folder}\nkept:    study.yaml\n"
    assert not (folder / "trials").exists()
