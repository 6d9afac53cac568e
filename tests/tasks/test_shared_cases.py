"""Files that users had, and what became of them: each is read whole, or refused in one line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from zostudy.config.task import TaskSpec
from zostudy.errors import DataError
from zostudy.tasks.loading import Task, load_task


@pytest.fixture
def load(shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the task of a case's study, perhaps of another of its files; skips where there is no such case."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def load(case: str, file: str | None = None) -> Task:
        folder = shared_dir / "cases" / case
        if not folder.is_dir():
            pytest.skip(f"there is no {folder}")
        task = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))["task"]
        if "hub" in task:
            shutil.copytree(folder / task["hub"], tmp_path / "hub")
            task["hub"] = str(tmp_path / "hub")
        else:
            task["file"] = str(folder / (file or task["file"]))
        return load_task(TaskSpec(**task))

    return load


@pytest.mark.parametrize("case", ["tsv-quote-merges-rows", "json-bom", "jsonl-line-separator"])
def test_rows_that_were_lost_are_read(load: Any, case: str) -> None:
    task = load(case)
    assert str(task.rows) == f"{task.rows.total} rows: {task.rows.total} used"
    assert task.rows.total == 240
    assert task.table.class_names == ("bad", "good")


def test_labels_that_were_merged_stay_apart(load: Any) -> None:
    assert load("label-numbers-merged", "rows.csv").table.class_names == ("10", "1_0")
    names = load("label-numbers-merged", "rows.parquet").table.class_names
    assert len(names) == 2
    assert all(int(name) > 2**53 for name in names)


def test_a_class_label_keeps_its_order(load: Any) -> None:
    task = load("classlabel-order-flips-label-words")
    assert task.table.class_names == ("ok", "broken")
    assert task.wording("masked").label_words == ("great", "terrible")


@pytest.mark.parametrize(
    ("case", "file", "fault"),
    [
        (
            "labels-as-lists-become-reprs",
            None,
            "column 'label' must hold text, whole numbers or booleans, but is of type list<item: string>, first",
        ),
        (
            "parquet-list-label",
            None,
            "column 'label' must hold text, whole numbers or booleans, but is of type list<element: string>",
        ),
        ("parquet-nullable-string", None, "empty texts in column 'text': 5 rows, the first is row 1"),
        ("jsonl-wrong-line-number", None, "line 241 is no whole JSON object"),
        ("latin1-utf16-csv", "rows.csv", "must be UTF-8, but byte "),
        ("latin1-utf16-csv", "utf16.csv", "must be UTF-8, but byte 1 (line 1) begins a UTF-16 file; save it as UTF-8"),
        (
            "header-with-spaces",
            None,
            "must have the column 'label', but its columns are text, ' label', ' split'; did you mean ' label'?",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(load: Any, case: str, file: str | None, fault: str) -> None:
    with pytest.raises(DataError) as refusal:
        load(case, file)
    assert fault in str(refusal.value)
    assert "\n" not in str(refusal.value)
