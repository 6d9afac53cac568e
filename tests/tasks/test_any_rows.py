"""Random tables through every format: a task with each row used or counted, or one line; never anything else."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.config.task import TaskSpec
from zostudy.errors import DataError
from zostudy.tasks.loading import Task, load_task

NAMES = st.sampled_from(
    [("a", "b"), ("0", "1"), ("01", "1"), ("1.0", "1.00"), ("a ", "a"), ("\u2028", "é"), ("2", "10")]
)
TEXTS = st.text(st.sampled_from("ab \"',;\\{[\u2028\x85\x1c\xa0é\U0001f600"), min_size=1, max_size=6)
SPLITS = st.sampled_from(["train", "train", "test", "test", " test", "extra"])

Record = dict[str, str]


def write_csv(path: Path, records: list[Record]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(records)


def write_tsv(path: Path, records: list[Record]) -> None:
    lines = ["\t".join(records[0]), *("\t".join(record.values()) for record in records)]
    path.write_bytes("\r\n".join(lines).encode())


def write_json(path: Path, records: list[Record]) -> None:
    path.write_text(json.dumps(records, indent=1), encoding="utf-8")


def write_json_lines(path: Path, records: list[Record]) -> None:
    lines = (json.dumps(record, ensure_ascii=False) for record in records)
    path.write_bytes("\n".join(lines).encode("utf-8-sig"))


def write_parquet(path: Path, records: list[Record]) -> None:
    pq.write_table(pa.Table.from_pylist(records), path)


WRITERS: dict[str, Callable[[Path, list[Record]], None]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "tsv": write_tsv,
    "json": write_json,
    "jsonl": write_json_lines,
}


def check_line(message: str) -> None:
    assert "\n" not in message
    assert ": " in message


def outcome(path: Path) -> Task | None:
    """Returns the task of a file, or None where it is refused in one line."""
    try:
        task = load_task(TaskSpec(file=str(path), template="{text} {mask}"))
    except DataError as error:
        check_line(str(error))
        return None
    assert task.rows.used == sum(len(rows) for rows in task.table.splits.values())
    return task


@st.composite
def records(draw: Any) -> list[Record]:
    names = draw(NAMES)
    n_rows = draw(st.integers(1, 12))
    return [{"text": draw(TEXTS), "label": draw(st.sampled_from(names)), "split": draw(SPLITS)} for _ in range(n_rows)]


@settings(max_examples=25, deadline=None)
@given(records())
def test_every_format_gives_the_same_task(tmp_path_factory: pytest.TempPathFactory, given: list[Record]) -> None:
    folder, found = tmp_path_factory.mktemp("rows"), []
    for suffix, write in WRITERS.items():
        write(folder / f"rows.{suffix}", given)
        found.append(outcome(folder / f"rows.{suffix}"))
    kept = [task for task in found if task is not None]
    assert len(kept) in (0, len(WRITERS))
    for task in kept:
        assert task.table.digest == kept[0].table.digest
        assert task.rows == kept[0].rows
        assert task.rows.total == len(given)
        used = [row for rows in task.table.splits.values() for row in rows]
        assert all(task.table.texts[row] == given[row]["text"] for row in used)
        assert all(task.table.class_names[task.table.labels[row]] == given[row]["label"] for row in used)


NUMBERS = st.sampled_from([0, 1, 2**62])
TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int8(), st.integers(0, 1)),
    (pa.uint64(), NUMBERS),
    (pa.int64(), NUMBERS),
    (pa.float64(), st.floats()),
    (pa.float32(), st.sampled_from([0.0, 1.0, float("nan")])),
    (pa.bool_(), st.booleans()),
    (pa.decimal128(20, 2), st.sampled_from([Decimal("0.00"), Decimal("1.00"), Decimal("1.50")])),
    (pa.string(), TEXTS),
    (pa.large_string(), st.sampled_from(["train", "test"])),
    (pa.string_view(), st.sampled_from(["a", "b", " "])),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "b"])),
    (pa.dictionary(pa.int8(), pa.int64()), st.integers(0, 1)),
    (pa.list_(pa.string()), st.lists(TEXTS, max_size=2)),
    (pa.struct([("x", pa.int8())]), st.fixed_dictionaries({"x": st.integers(0, 1)})),
    (pa.map_(pa.string(), pa.int8()), st.just([("x", 1)])),
    (pa.binary(), st.binary(max_size=2)),
    (pa.date32(), st.dates()),
    (pa.timestamp("ns", "UTC"), st.integers(-(2**62), 2**62)),
    (pa.duration("ms"), st.integers(0, 9)),
    (pa.time64("us"), st.integers(0, 9)),
    (pa.null(), st.none()),
]


@st.composite
def tables(draw: Any) -> pa.Table:
    n_rows = draw(st.integers(0, 8))
    columns = {
        "text": pa.array([f"text {row}" for row in range(n_rows)], pa.string()),
        "label": pa.array(["a" if row % 2 else "b" for row in range(n_rows)], pa.string()),
        "split": pa.array(["train" if row % 4 > 1 else "test" for row in range(n_rows)], pa.string()),
    }
    for name in draw(st.lists(st.sampled_from([*columns, "label_name", "other"]), min_size=1, max_size=2)):
        kind, values = draw(st.sampled_from(TYPES))
        values = values | st.none() if draw(st.booleans()) else values
        columns[name] = pa.array(draw(st.lists(values, min_size=n_rows, max_size=n_rows)), kind)
    return pa.table(columns)


@settings(max_examples=40, deadline=None)
@given(tables())
def test_columns_of_any_type_are_used_or_refused(tmp_path_factory: pytest.TempPathFactory, table: pa.Table) -> None:
    path = tmp_path_factory.mktemp("types") / "rows.parquet"
    pq.write_table(table, path)
    task = outcome(path)
    assert task is None or task.rows.total == table.num_rows


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.fixed_dictionaries({"text": JSON_VALUES | TEXTS, "label": JSON_VALUES}), min_size=1, max_size=5))
def test_json_values_of_any_kind_are_used_or_refused(
    tmp_path_factory: pytest.TempPathFactory, given: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("json") / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, given)), encoding="utf-8")
    task = outcome(path)
    assert task is None or task.rows.total == len(given)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(list(WRITERS)), st.data())
def test_a_file_with_changed_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("bytes") / f"rows.{suffix}"
    rows = [
        {"text": f"text {row}", "label": "ab"[row % 2], "split": ["train", "test"][row // 2 % 2]} for row in range(8)
    ]
    WRITERS[suffix](path, rows)
    content = path.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 4)))
    path.write_bytes(content[:start] + data.draw(st.binary(max_size=3)) + content[end:])
    outcome(path)
