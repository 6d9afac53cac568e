from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zostudy.errors import DataError
from zostudy.tasks.files import read_rows
from zostudy.tasks.known import Columns
from zostudy.tasks.selection import select

ROLES = {"train": "train", "test": "test"}
ROWS = [
    {"text": "a dull film", "label": "bad", "split": "train"},
    {"text": 'she said "go", twice', "label": "good", "split": "train"},
    {"text": "NA", "label": "bad", "split": "test"},
    {"text": "  schön  ", "label": "good", "split": "test"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    frame = pd.DataFrame(rows)
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
        case ".json":
            path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        case ".jsonl":
            path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
        case ".parquet":
            frame.to_parquet(path)
    return path


def refusal(path: Path, content: bytes | None = None) -> str:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_rows(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("extension", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_every_format_gives_the_same_table(tmp_path: Path, extension: str) -> None:
    rows = read_rows(write(tmp_path / f"data.{extension}", ROWS))
    table, count, notes = select(rows.table, Columns(), ROLES, "data", "own")
    assert table.texts == ("a dull film", 'she said "go", twice', "NA", "  schön  ")
    assert table.second_texts is None
    assert table.class_names == ("bad", "good")
    assert table.labels.dtype == np.int32
    assert table.labels.tolist() == [0, 1, 0, 1]
    assert {name: rows.tolist() for name, rows in table.splits.items()} == {"train": [0, 1], "test": [2, 3]}
    assert str(count) == "4 rows: 4 used"
    assert notes == ()


def test_json_may_hold_lines_and_upper_case_extensions_are_known(tmp_path: Path) -> None:
    path = tmp_path / "data.JSON"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    assert read_rows(path).table["text"].to_pylist() == [row["text"] for row in ROWS]


@pytest.mark.parametrize("extension", ["csv", "tsv", "json", "jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"data.{extension}", ROWS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_rows(path).table.column_names == ["text", "label", "split"]


@pytest.mark.parametrize("extension", ["csv", "tsv", "json", "jsonl"])
def test_what_is_not_utf8_is_told_with_byte_line_and_remedy(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"data.{extension}", ROWS)
    content = path.read_text(encoding="utf-8").replace("\\u00f6", "ö")
    windows = content.encode("cp1252")
    position = windows.index(b"\xf6")
    line = windows.count(b"\n", 0, position) + 1
    message = refusal(path, windows)
    assert (
        f"byte {position + 1} (line {line}) is 0xf6, as in Windows-1252 or a damaged file; save it as UTF-8" in message
    )
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        message = refusal(path, content.replace("ö", "o").encode(encoding))
        assert "UTF-16" in message or "UTF-32" in message
        assert "byte 1 (line 1)" in message or "byte 2 (line 1)" in message
        assert "save it as UTF-8" in message


def test_other_files_are_told_what_they_are(tmp_path: Path) -> None:
    assert "compressed by gzip; unpack it" in refusal(tmp_path / "data.csv", gzip.compress(b"text,label\n"))
    assert "zip archive or an Excel workbook" in refusal(tmp_path / "data.csv", b"PK\x03\x04" + bytes(20))
    for content in (b"", b"\xef\xbb\xbf", b" \n\n"):
        assert "the file is empty" in refusal(tmp_path / "data.csv", content)
    (tmp_path / "folder.csv").mkdir()
    assert "must be a file of texts, but it is a folder" in refusal(tmp_path / "folder.csv")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("data.csv", None, "must be a file of texts, but there is no such file"),
        ("data.json", b"[]", "must hold rows, but it is empty or has no columns; name a CSV, TSV, JSON"),
        ("data.jsonl", b"{}\n{}\n", "must hold rows, but it is empty or has no columns"),
        ("data.csv", b"text,label\n", "must hold rows, but it has only column names"),
        ("data.xlsx", b"", "unknown extension '.xlsx'; use one of .csv, .tsv, .json, .jsonl, .parquet"),
        ("data.parquet", b"not parquet", "cannot be read as Parquet"),
        ("data.parquet", b"", "cannot be read as Parquet"),
        ("data.csv", b"text,text\na,b\n", "columns must have different names, but 'text' stands twice"),
        ("data.tsv", b"text\ttext\na\tb\n", "columns must have different names, but 'text' stands twice"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    assert reason in refusal(tmp_path / name, content)


def test_a_damaged_parquet_file_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "data.parquet", ROWS)
    content = path.read_bytes()
    for cut in range(0, len(content), 97):
        assert "cannot be read as Parquet" in refusal(path, content[:cut])


def test_folders_that_a_parquet_file_lies_in_add_no_column(tmp_path: Path) -> None:
    path = tmp_path / "split=train" / "data.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), path)
    assert read_rows(path).table.column_names == ["text", "label"]


def test_equal_names_in_parquet_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), tmp_path / "data.parquet")
    assert "'text' stands twice" in refusal(tmp_path / "data.parquet")


def test_values_of_any_depth_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    path, refusals = tmp_path / "deep.json", list[str]()
    for depth in [*range(100, 1200, 100), *range(900, 1000, 5)]:
        path.write_text('[{"text": "a", "label": ' + "[" * depth + "]" * depth + "}]")
        try:
            read_rows(path)
        except DataError as error:
            refusals.append(str(error))
    assert refusals
    assert all("nested too deeply" in refusal and "\n" not in refusal for refusal in refusals)
