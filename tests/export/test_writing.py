from __future__ import annotations

import csv
import datetime
import io
import json
import os
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.config.model import ModelSpec
from zostudy.errors import DataError
from zostudy.export.labelling import with_predictions
from zostudy.export.manifest import Manifest
from zostudy.export.task import ExportedTask
from zostudy.export.writing import check_target, write_csv, write_rows
from zostudy.results.decision import Decision
from zostudy.tasks.files import read_rows
from zostudy.tasks.rows import RawRows

SUFFIXES = [".csv", ".tsv", ".json", ".jsonl", ".parquet"]
NOON = datetime.datetime(2020, 1, 1, 12, 0, 0, 1, tzinfo=datetime.UTC)
OF_EVERY_TYPE = pa.table(
    {
        "body": pa.array(["The lamp works nicely", 'so "so"', "schön"]),
        "id": pa.array([None, 1712345678901234567, 2**63 - 1], pa.int64()),
        "unsigned": pa.array([2**64 - 1, 2**64 - 2, None], pa.uint64()),
        "flag": [True, None, False],
        "when": pa.array([NOON, None, NOON], pa.timestamp("us", "UTC")),
        "nanoseconds": pa.array([1577836800000000001, None, 0], pa.timestamp("ns")),
        "day": [datetime.date(1500, 1, 1), None, datetime.date(2020, 2, 29)],
        "price": pa.array([Decimal("1.10"), None, Decimal("-0.01")], pa.decimal128(9, 2)),
        "share": pa.array([0.1, None, 1e-7], pa.float32()),
        "double": pa.array([0.1 + 0.2, 1.0, None]),
        "category": pa.array(["a", "b", "a"]).dictionary_encode(),
        "large": pa.array(["x", None, ""], pa.large_string()),
        "view": pa.array(["x", None, "y"], pa.string_view()),
    },
    metadata={"made by": "a test"},
)


def manifest() -> Manifest:
    task = ExportedTask.model_validate(
        {"name": "own", "text": "body", "second_text": None, "template": "{text} {mask}", "label_words": ("a", "b")}
        | {"label_tokens": (1, 2), "class_names": ("no", "yes"), "truncate": False}
    )
    return Manifest.model_validate(
        {"study": "s", "cell": "c", "trial": "t", "method": "m", "imbalance_ratio": 1.0, "head": "masked"}
        | {"model": ModelSpec(name="mini-roberta"), "embeddings": "", "decision": Decision(threshold=0.0)}
        | {"versions": {}, "task": task}
    )


def predicted(file: Path, to: Path) -> RawRows:
    """Writes a file's rows with predictions to another file."""
    rows = read_rows(file)
    scores = np.tile(np.array([[0.1, 0.7]], np.float32), (rows.table.num_rows, 1))
    result = with_predictions(rows, scores, manifest())
    check_target(to, file, result)
    write_rows(result, to)
    return result


def test_parquet_comes_out_as_it_went_in(tmp_path: Path) -> None:
    nested = {
        "tags": [["a"], [], None],
        "struct": [{"x": 1.5, "y": None}, None, {"x": None, "y": [b"z"]}],
        "bytes": [b"\xff", None, b""],
        "lasting": pa.array([1, None, 3], pa.duration("ns")),
    }
    table = OF_EVERY_TYPE
    for name, values in nested.items():
        table = table.append_column(name, values if isinstance(values, pa.Array) else pa.array(values))
    pq.write_table(table, tmp_path / "in.parquet")
    predicted(tmp_path / "in.parquet", tmp_path / "out.parquet")
    back = pq.read_table(tmp_path / "out.parquet")
    assert back.column_names[len(table.column_names) :] == [
        *("predicted_label", "argmax_label", "score_no", "score_yes", "probability_no", "probability_yes"),
    ]
    back, table = back.select(table.column_names), pq.read_table(tmp_path / "in.parquet")
    assert back.equals(table)
    assert back.schema.equals(table.schema, check_metadata=True)


def test_a_data_frame_comes_back_with_its_index(tmp_path: Path) -> None:
    frame = pd.DataFrame({"body": ["a", "b"], "n": pd.array([1, None], "Int64")}, index=pd.Index([7, 9], name="key"))
    frame.to_parquet(tmp_path / "in.parquet")
    predicted(tmp_path / "in.parquet", tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet")[["body", "n"]], frame)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_json_keeps_every_character_of_a_row(tmp_path: Path, suffix: str) -> None:
    rows = [
        '{"body": "a\\u00e9", "id": 1712345678901234567, "price": 1.10, "big": 1e400, "list": [1.0, {"x": null}]}',
        '{ "id" : null , "body":"b\u2028" }',
        '{"body": "c", "id": 12345678901234567890123, "price": -0, "list": 3}',
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(rows), encoding="utf-8")
    predicted(tmp_path / "in.jsonl", tmp_path / f"out{suffix}")
    written = (tmp_path / f"out{suffix}").read_bytes().decode()
    added = ', "predicted_label": "yes", "argmax_label": "yes", "score_no": 0.1, '
    assert all(row.removesuffix("}").rstrip() + added in written for row in rows)
    records = json.loads(written) if suffix == ".json" else [json.loads(line) for line in written.strip().split("\n")]
    assert ["price" in record for record in records] == [True, False, True]
    assert records[0]["score_yes"] == 0.7


def test_json_over_several_lines_becomes_lines(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [{"body": "a\nb", "n": [1, {"x": 2}]}, {"body": "c"}]
    (tmp_path / "in.json").write_text(json.dumps(records, indent=2), encoding="utf-8")
    predicted(tmp_path / "in.json", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [{name: json.loads(line)[name] for name in record} for line, record in zip(lines, records, strict=True)] == (
        records
    )


EXPECTED_TEXT = {
    "id": ["", "1712345678901234567", "9223372036854775807"],
    "unsigned": ["18446744073709551615", "18446744073709551614", ""],
    "flag": ["True", "", "False"],
    "when": ["2020-01-01 12:00:00.000001Z", "", "2020-01-01 12:00:00.000001Z"],
    "nanoseconds": ["2020-01-01 00:00:00.000000001", "", "1970-01-01 00:00:00.000000000"],
    "day": ["1500-01-01", "", "2020-02-29"],
    "price": ["1.10", "", "-0.01"],
    "share": ["0.1", "", "1e-07"],
    "double": ["0.30000000000000004", "1.0", ""],
    "category": ["a", "b", "a"],
    "large": ["x", "", ""],
    "view": ["x", "", "y"],
    "body": ["The lamp works nicely", 'so "so"', "schön"],
}


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_every_type_has_exact_digits_in_text(tmp_path: Path, suffix: str) -> None:
    pq.write_table(OF_EVERY_TYPE, tmp_path / "in.parquet")
    predicted(tmp_path / "in.parquet", tmp_path / f"out{suffix}")
    back = read_rows(tmp_path / f"out{suffix}").table
    assert {name: back[name].to_pylist() for name in EXPECTED_TEXT} == EXPECTED_TEXT


def test_every_type_has_exact_values_in_json(tmp_path: Path) -> None:
    pq.write_table(OF_EVERY_TYPE.append_column("tags", pa.array([["a"], [], None])), tmp_path / "in.parquet")
    predicted(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    [first, second, third] = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert (first["id"], second["id"], third["id"]) == (None, 1712345678901234567, 2**63 - 1)
    assert (first["unsigned"], first["flag"], third["flag"]) == (2**64 - 1, True, False)
    assert (first["when"], first["day"]) == ("2020-01-01 12:00:00.000001Z", "1500-01-01")
    assert '"price": 1.10, "share": 0.1, "double": 0.30000000000000004' in (tmp_path / "out.jsonl").read_text()
    assert (first["tags"], second["tags"], third["tags"], third["large"]) == (["a"], [], None, "")


CELLS = st.text(st.sampled_from("ab\"', \n\r\u2028\x85\x1cé{[1.0"), max_size=5)
TABLES = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(TABLES, st.permutations(SUFFIXES))
def test_text_goes_through_all_formats(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], suffixes: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    table = pa.table([list(column) for column in zip(*cells, strict=True)], names=["one", 'two "2"'])
    line_breaks = any(set(cell) & set("\n\r") for row in cells for cell in row)
    for suffix in suffixes:
        if suffix == ".tsv" and line_breaks:
            with pytest.raises(DataError, match=r"TSV cannot hold '\\[nr]'"):
                write_rows(RawRows(table), folder / f"rows{suffix}")
        else:
            write_rows(RawRows(table), folder / f"rows{suffix}")
            assert read_rows(folder / f"rows{suffix}").table.to_pydict() == table.to_pydict()


def test_random_numbers_go_through_text_and_json(tmp_path: Path) -> None:
    dice = random.Random(0)
    doubles = [dice.uniform(-1, 1) * 10.0 ** dice.randint(-300, 300) for _ in range(200)]
    whole = [dice.randint(-(2**63), 2**63 - 1) for _ in range(200)]
    table = pa.table({"d": doubles, "i": whole})
    write_rows(RawRows(table), tmp_path / "rows.jsonl")
    back = read_rows(tmp_path / "rows.jsonl").table
    assert (back["d"].to_pylist(), back["i"].to_pylist()) == (doubles, whole)
    write_rows(RawRows(table), tmp_path / "rows.csv")
    assert [float(cell) for cell in read_rows(tmp_path / "rows.csv").table["d"].to_pylist()] == doubles


def broken_text() -> pa.Array:
    return pa.Array.from_buffers(pa.string(), 1, [None, pa.array(["a"]).buffers()[1], pa.py_buffer(b"\xff")])


@pytest.mark.parametrize(
    ("suffix", "column", "fault"),
    [
        (".csv", pa.array([["a"]]), "CSV cannot hold column 'x' (of type list<item: string>, row 1)"),
        (".tsv", pa.array([{"a": 1}]), "TSV cannot hold column 'x' (of type struct<a: int64>, row 1)"),
        (".csv", pa.array([b"a"]), "CSV cannot hold column 'x' (of type binary, row 1)"),
        (".json", pa.array([b"a"]), "JSON cannot hold column 'x' (of type binary, row 1)"),
        (".jsonl", pa.array([[b"a"]]), "JSON cannot hold column 'x' (of type list<item: binary>, row 1)"),
        (".jsonl", pa.array([1.5, float("nan")]), "JSON cannot hold column 'x' (of type double, row 2)"),
        (".jsonl", pa.array([[float("inf")]]), "JSON cannot hold column 'x' (of type list<item: double>: "),
        (".jsonl", pa.array([2**62], pa.timestamp("s")), "JSON cannot hold column 'x' (of type timestamp[s], row 1)"),
        (".csv", pa.array([1], pa.timestamp("s", "Mars/Base")), "CSV cannot hold column 'x'"),
        (".csv", pa.array([1], pa.duration("s")), "CSV cannot hold column 'x' (of type duration[s], row 1)"),
        (".csv", broken_text(), "CSV cannot hold column 'x' (of type string: 'utf-8' codec"),
        (".csv", pa.array(["a\0"]), "CSV cannot hold '\\x00', but column 'x' does (row 1)"),
        (".tsv", pa.array(["a", "b\tc"]), "TSV cannot hold '\\t', but column 'x' does (row 2)"),
        (".parquet", pa.array([{}]), "Parquet cannot hold the rows"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_the_work(
    tmp_path: Path, suffix: str, column: pa.Array, fault: str
) -> None:
    rows, to = RawRows(pa.table({"x": column})), tmp_path / f"out{suffix}"
    writers: tuple[Callable[[], object], ...] = (lambda: check_target(to, tmp_path, rows), lambda: write_rows(rows, to))
    for write in writers:
        with pytest.raises(DataError) as caught:
            write()
        assert str(caught.value).startswith(f"`to` {to}: {fault}")
        assert "leave the column out" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.iterdir())


def test_values_of_several_kinds_go_where_they_can(tmp_path: Path) -> None:
    lines = '{"body": "a", "x": 1, "y": 1.0}\n{"body": "b", "x": "1", "y": [2]}\n{"body": "c", "x": true}\n'
    (tmp_path / "in.jsonl").write_text(lines)
    predicted(tmp_path / "in.jsonl", tmp_path / "out.json")
    for suffix, column in ((".csv", "y"), (".parquet", "x")):
        with pytest.raises(DataError, match=f"cannot hold column '{column}'"):
            predicted(tmp_path / "in.jsonl", tmp_path / f"out{suffix}")
    (tmp_path / "few.jsonl").write_text(lines.replace("[2]", '"2"'))
    predicted(tmp_path / "few.jsonl", tmp_path / "out.csv")
    assert read_rows(tmp_path / "out.csv").table["x"].to_pylist() == ["1", "1", "true"]


def test_targets_that_cannot_be_are_refused_before_the_work(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.touch()
    rows = RawRows(pa.table({"body": ["a"]}))
    with pytest.raises(DataError, match=r"unknown extension '\.xlsx'; use one of \.csv"):
        check_target(tmp_path / "out.xlsx", file, rows)
    with pytest.raises(DataError, match="another file than the input"):
        check_target(tmp_path / "." / "file.csv", file, rows)
    with pytest.raises(DataError, match="a folder that can be written"):
        check_target(tmp_path / "none" / "out.csv", file, rows)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="must be a file in a folder"):
        check_target(tmp_path / "pipe.csv", file, rows)
    with pytest.raises(DataError, match="CSV cannot hold column 'body'"):
        write_csv(RawRows(pa.table({"body": [b"a"]})), io.StringIO())


def test_printed_rows_are_csv() -> None:
    file = io.StringIO(newline="")
    write_csv(RawRows(pa.table({"a": ["x,y", "z"], "b": [1, None]})), file)
    assert file.getvalue() == 'a,b\n"x,y",1\nz,\n'
    assert list(csv.reader(io.StringIO(file.getvalue())))[1] == ["x,y", "1"]
