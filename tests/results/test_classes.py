from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from zostudy.errors import ResultsError
from zostudy.results.classes import CLASSES_FILE, StudyClass, StudyClasses, class_table, read_classes, write_classes
from zostudy.results.storage import Storage
from zostudy.results.table_formats import plain

CLASSES = StudyClasses(
    "label word",
    (1.0, 10.0),
    (
        StudyClass("negative", "terrible", False, (20, 2000), (20, 200), 1500),
        StudyClass("posi\ntive \u202e", "great", True, (20, 20), (20, 20), 5),
    ),
)


def test_the_table_says_which_word_is_asked_for_which_class_and_what_is_made_rare() -> None:
    assert plain(class_table(CLASSES)).splitlines() == [
        r"class              label word  minority  train at ratio 1, 10  dev at ratio 1, 10   test",
        r"negative           terrible    -                     20, 2000             20, 200  1,500",
        r"posi\ntive \u202e  great       yes                         20                  20      5",
    ]


def test_the_natural_ratio_is_named() -> None:
    named = replace(CLASSES, ratios=(6.66, 10.0), ratio_labels=("natural (6.66)", "10"))
    assert class_table(named).columns[3] == "train at ratio natural (6.66), 10"


def test_classes_that_an_older_version_stored_are_read(tmp_path: Path) -> None:
    stored = {name: value for name, value in asdict(CLASSES).items() if name != "ratio_labels"}
    (tmp_path / CLASSES_FILE).write_text(json.dumps(stored))
    read = read_classes(Storage.at(tmp_path))
    assert read is not None
    assert class_table(read).columns == class_table(CLASSES).columns


def test_what_is_stored_reads_back(tmp_path: Path) -> None:
    storage = Storage.at(tmp_path)
    assert read_classes(storage) is None
    write_classes(storage, CLASSES)
    assert read_classes(storage) == CLASSES


@pytest.mark.parametrize("content", ["", "[]", "{}", "\0", '{"a": 1}', "[" * 5000, "CUT", "FEWER"])
def test_what_no_run_wrote_is_one_line(tmp_path: Path, content: str) -> None:
    write_classes(Storage.at(tmp_path), CLASSES)
    written = (tmp_path / CLASSES_FILE).read_text()
    changed = {"CUT": written[:-20], "FEWER": written.replace("      200\n", "      200, 3\n")}.get(content, content)
    (tmp_path / CLASSES_FILE).write_text(changed)
    with pytest.raises(ResultsError, match=r"classes\.json cannot be read \(.*\); run the study again") as refused:
        read_classes(Storage.at(tmp_path))
    assert "\n" not in str(refused.value)
