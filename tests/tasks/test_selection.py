from __future__ import annotations

import datetime
import hashlib
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from zostudy.errors import DataError
from zostudy.tasks.known import Columns
from zostudy.tasks.labels import confusable
from zostudy.tasks.rows import RowCount
from zostudy.tasks.selection import select
from zostudy.tasks.table import TextTable

ROWS: list[dict[str, Any]] = [
    {"text": "a dull film", "label": "bad", "split": "train"},
    {"text": 'she said "go", twice', "label": "good", "split": "train"},
    {"text": "NA", "label": "bad", "split": "test"},
    {"text": "  schön  ", "label": "good", "split": "test"},
]
ROLES = {"train": "train", "test": "test"}


def selected(rows: Any, **columns: Any) -> tuple[TextTable, RowCount, tuple[str, ...]]:
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    return select(table, Columns(**columns), ROLES, "here", "own")


def refusal(rows: Any, **columns: Any) -> str:
    with pytest.raises(DataError) as error:
        selected(rows, **columns)
    message = str(error.value)
    assert message.startswith(("here: ", "task 'own': "))
    assert "\n" not in message
    return message


def labelled(labels: Any) -> pa.Table:
    """Returns four rows, two of them in each split, with a column of labels."""
    column = labels if isinstance(labels, pa.Array | pa.ChunkedArray) else pa.array(labels)
    return pa.table(
        {"text": ["a", "b", "c", "d"], "label": column, "split": ["train", "train", "test", "test"]},
    )


def test_a_first_row_that_is_taken_as_the_header_is_told() -> None:
    headed = labelled(["bad", "good", "bad", "good"])
    assert selected(headed)[2] == ()
    [note] = selected(headed.rename_columns(["text", "bad", "split"]), label="bad")[2]
    assert note.startswith("column 'bad' is named like a class: if the file lacks a header, add one")


def test_second_texts_may_be_empty_but_not_all() -> None:
    rows = [row | {"pair": pair} for row, pair in zip(ROWS, ["b", "", None, "d"], strict=True)]
    assert selected(rows, second_text="pair")[0].second_texts == ("b", "", "", "d")
    assert "column 'pair' is empty" in refusal([row | {"pair": ""} for row in ROWS], second_text="pair")


@pytest.mark.parametrize(
    ("labels", "class_names"),
    [
        ([0, 1, 0, 1], ("0", "1")),
        ([-1, 1, -1, 1], ("-1", "1")),
        ([7.0, 2.0, 7.0, 2.0], ("2", "7")),
        (["10", "9", "10", "9"], ("9", "10")),
        (["0.0", "1.0", "0.0", "1.0"], ("0.0", "1.0")),
        ([True, False, True, False], ("False", "True")),
        (["b", "a", "b", "a"], ("a", "b")),
    ],
)
def test_labels_are_numbered_in_order(labels: list[Any], class_names: tuple[str, ...]) -> None:
    table, _, notes = selected(labelled(labels))
    assert table.class_names == class_names
    original = [str(int(label)) if isinstance(label, float) else str(label) for label in labels]
    assert [table.class_names[label] for label in table.labels] == original
    assert notes == ()


@pytest.mark.parametrize(
    "labels",
    [
        ["01", "1", "01", "1"],
        ["1_0", "10", "1_0", "10"],
        ["1.0", "1.00", "1.0", "1.00"],
        ["1e30", "1.0e30", "1e30", "1.0e30"],
        ["9007199254740993", "9007199254740992", "9007199254740993", "9007199254740992"],
        [2**60 + 1, 2**60, 2**60 + 1, 2**60],
        pa.array([2**64 - 1, 2**64 - 2] * 2, pa.uint64()),
        pa.array([Decimal(2**100), Decimal(2**100 + 1)] * 2),
        ["bad ", "bad", "bad ", "bad"],
        ["x\0", "x", "x\0", "x"],
        [1e30, 1.0000000000000002e30, 1e30, 1.0000000000000002e30],
    ],
)
def test_different_labels_are_different_classes(labels: Any) -> None:
    table, _, notes = selected(labelled(labels))
    assert table.n_classes == 2
    assert table.labels[0] == table.labels[2] != table.labels[1] == table.labels[3]
    if isinstance(labels, list) and isinstance(labels[0], str) and "_" not in labels[0] and "\0" not in labels[0]:
        alike = not labels[0].startswith("900")
        assert any("are different classes: labels count as they are written" in note for note in notes) == alike


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["no", "yes", "no", "yes"], pa.large_string()),
        pa.array(["no", "yes", "no", "yes"], pa.string_view()),
        pa.array(["no", "yes", "no", "yes"]).dictionary_encode(),
        pa.chunked_array([["no"], ["yes", "no"], [], ["yes"]]),
    ],
)
def test_text_may_be_of_any_type_of_text(column: pa.Array) -> None:
    table, _, _ = selected(labelled(column).set_column(0, "text", column))
    assert table.class_names == ("no", "yes")
    assert table.texts == ("no", "yes", "no", "yes")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([0, 1, 0, 1], pa.int8()),
        pa.array(np.array([0, 1, 0, 1], np.float16)),
        pa.array([0, 1, 0, 1], pa.float32()),
        pa.array([Decimal("0.00"), Decimal("1.00")] * 2),
        pa.array([0, 1, 0, 1]).dictionary_encode(),
        pa.array([-0.0, 1, 0.0, 1]),
    ],
)
def test_numbers_of_any_type_count_by_their_value(column: pa.Array) -> None:
    table, _, _ = selected(labelled(column))
    assert table.class_names == ("0", "1")
    assert table.labels.tolist() == [0, 1, 0, 1]


DAYS = [datetime.date(2020, 1, day) for day in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        (pa.array([None, ["a"], ["b"], ["c"]]), "is of type list<item: string>, first at row 2"),
        (pa.array([{"a": 1}] * 4), "is of type struct<a: int64>, first at row 1"),
        (pa.array([b"a", b"b"] * 2), "is of type binary"),
        (pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int8())), "is of type map<string, int8>"),
        (pa.array(DAYS), "is of type date32[day]"),
        (pa.array([1, 2, 3, 4], pa.timestamp("ns", "UTC")), "is of type timestamp[ns, tz=UTC]"),
        (pa.array([1, 2, 3, 4], pa.duration("s")), "is of type duration[s]"),
        (pa.array(DAYS).dictionary_encode(), "is of type date32[day]"),
    ],
)
def test_values_that_name_nothing_are_refused_with_type_and_row(column: pa.Array, fault: str) -> None:
    for name in ("label", "text", "split"):
        rows = labelled(["a", "b", "a", "b"])
        message = refusal(rows.set_column(rows.column_names.index(name), name, column))
        assert f"column '{name}' must hold text" in message
        assert fault in message
        assert "convert it, or name another column" in message


def test_a_column_of_names_names_whole_numbers() -> None:
    names = {0: "worse", 1: "better"}
    rows = [row | {"label": label, "label_name": names[label]} for row, label in zip(ROWS, [1, 0, 1, 0], strict=True)]
    table, _, _ = selected(rows)
    assert table.class_names == ("worse", "better")
    assert table.labels.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("names", [["x", "y", "z", "y"], ["x", "x", "x", "x"], ["x", "y", "x", None]])
def test_names_must_be_one_to_one(names: list[str | None]) -> None:
    rows = [row | {"label": k % 2, "label_name": name} for k, (row, name) in enumerate(zip(ROWS, names, strict=True))]
    assert "'label_name' must give each label one name" in refusal(rows)


def class_label(numbers: list[int | None], names: list[str]) -> pa.Table:
    info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    return labelled(pa.array(numbers, pa.int64())).replace_schema_metadata({"huggingface": json.dumps(info)})


def test_a_class_label_has_its_own_names_and_order_and_hides_labels() -> None:
    table, count, _ = selected(class_label([0, 1, 0, 1], ["ok", "broken"]))
    assert (table.class_names, table.labels.tolist()) == (("ok", "broken"), [0, 1, 0, 1])
    more = pa.concat_tables(
        [class_label([0, 1, 0, 1], ["ok", "broken"]), class_label([-1, None, 0, 1], ["ok", "broken"])]
    )
    table, count, _ = selected(more)
    assert str(count) == "8 rows: 6 used, 2 without a label"
    assert {name: rows.tolist() for name, rows in table.splits.items()} == {"train": [0, 1], "test": [2, 3, 6, 7]}
    assert "the labels of split 'test' are hidden" in refusal(class_label([0, 1, -1, -1], ["ok", "broken"]))
    refused = refusal(class_label([0, 1, 0, 2], ["ok", "broken"]))
    assert "labels in column 'label' beyond the 2 names of its ClassLabel: row 4" in refused


@pytest.mark.parametrize("names", [["ok", "ok"], ["ok", None], ["ok", " "], [["ok"], ["broken"]], "ok"])
def test_names_that_are_no_class_label_name_no_class(names: Any) -> None:
    assert selected(class_label([0, 1, 0, 1], names))[0].class_names == ("0", "1")


def test_metadata_nested_too_deeply_names_no_class() -> None:
    table = class_label([0, 1, 0, 1], ["ok", "broken"]).replace_schema_metadata({"huggingface": "[" * 100_000})
    assert selected(table)[0].class_names == ("0", "1")


def test_an_ordered_dictionary_has_its_own_order() -> None:
    for ordered, names in ((True, ("low", "high")), (False, ("high", "low"))):
        column = pa.DictionaryArray.from_arrays(pa.array([0, 2, 0, 2]), ["low", "middle", "high"], ordered=ordered)
        assert selected(labelled(column))[0].class_names == names


def test_without_splits_a_quarter_is_test_by_the_hash_of_the_text() -> None:
    texts = [f"text number {number}" for number in range(2000)] * 2
    rows = [{"text": text, "label": index % 2} for index, text in enumerate(texts)]
    table, count, notes = selected(rows)
    in_test = {row for row, text in enumerate(texts) if hashlib.sha256(text.encode()).digest()[0] < 64}
    assert set(table.splits["test"].tolist()) == in_test
    assert set(table.splits["train"].tolist()) == set(range(4000)) - in_test
    assert 0.2 < len(in_test) / 4000 < 0.3
    assert "25%" in notes[0]
    assert str(count) == "4,000 rows: 4,000 used"


def test_the_hash_covers_both_texts() -> None:
    rows = [{"text": "same", "pair": f"{number}", "label": number % 2} for number in range(100)]
    splits = selected(rows, second_text="pair")[0].splits
    assert len(splits["train"])
    assert len(splits["test"])


def test_rows_of_other_splits_are_counted_and_need_be_nothing() -> None:
    others = [
        {"text": None, "label": None, "split": "unlabelled"},
        {"text": "x", "label": "unknown", "split": "extra"},
        {"text": "y", "label": "bad", "split": " extra "},
    ]
    rows = [*others, *(row | {"split": f" {row['split']}\t"} for row in ROWS)]
    table, count, _ = selected(rows)
    assert {name: rows.tolist() for name, rows in table.splits.items()} == {"train": [3, 4], "test": [5, 6]}
    assert table.class_names == ("bad", "good")
    assert table.labels.tolist() == [-1, -1, 0, 0, 1, 0, 1]
    assert table.texts[:3] == ("", "x", "y")
    assert str(count) == "7 rows: 4 used, 2 of split 'extra', 1 of split 'unlabelled'"
    assert count.total == len(rows)


@pytest.mark.parametrize("column", ["text", "label", "second_text", "split"])
def test_a_missing_column_is_told_with_those_there(column: str) -> None:
    message = refusal(ROWS, **{column: "nowhere"})
    assert "must have the column 'nowhere'" in message
    assert "text, label, split" in message


def test_rows_without_columns_are_told() -> None:
    assert refusal(pa.table({})) == "here: must have the column 'text', but it has none; name another file"


def test_names_with_blanks_are_told_in_quotes() -> None:
    message = refusal([{"text": "a", " label": 1, " split": "train"}])
    assert "must have the column 'label', but its columns are text, ' label', ' split'" in message


@pytest.mark.parametrize("empty", ["", "  ", None, float("nan")])
def test_empty_texts_are_counted(empty: Any) -> None:
    message = refusal([*ROWS, {"text": empty, "label": "bad", "split": "train"}] * 2)
    assert "empty texts in column 'text': 2 rows, the first is row 5" in message


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (0.5, "labels in column 'label' that are not whole numbers: row 5"),
        (float("inf"), "labels in column 'label' that are not whole numbers: row 5"),
        (None, "empty labels in column 'label': row 5"),
        ("nan", "labels in column 'label' that are not whole numbers: row 5"),
        ("1.5", "labels in column 'label' that are not whole numbers: row 5"),
    ],
)
def test_labels_must_be_classes(label: Any, reason: str) -> None:
    one = "1" if isinstance(label, str) else 1
    rows = [row | {"label": one} for row in ROWS]
    assert reason in refusal([*rows, {"text": "x", "label": label, "split": "test"}])


@pytest.mark.parametrize("kind", ["Int64", "string", "boolean", "category", "Float64"])
def test_a_missing_value_of_any_type_is_told_with_its_row(kind: str) -> None:
    column = pd.Series([1, 0, None, 1]).astype("Int64").astype(kind)  # type: ignore[call-overload]
    message = refusal(pd.DataFrame(ROWS).assign(label=column))
    assert "empty labels in column 'label': row 3" in message


def test_other_bad_rows() -> None:
    assert "all labels are 'bad'" in refusal([row | {"label": "bad"} for row in ROWS])
    assert "column 'text' must hold text, but is of type int64" in refusal([row | {"text": 3} for row in ROWS])
    assert "no split in column" in refusal([*ROWS, {"text": "x", "label": "bad", "split": None}])
    assert "must have the split 'test', but its splits are train" in refusal(ROWS[:2])


def test_bytes_that_are_no_text_are_told_with_their_row() -> None:
    good = pa.array(["a", "b", "c", "d"])
    bad = pa.Array.from_buffers(pa.string(), 4, [None, good.buffers()[1], pa.py_buffer(b"ab\xffd")])
    message = refusal(labelled(["a", "b", "a", "b"]).set_column(0, "text", bad))
    assert "values in column 'text' that are not UTF-8: row 3" in message


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_labels_are_of_one_type(dtype: Any) -> None:
    assert selected(labelled(pa.array(np.array([0, 1, 0, 1], dtype))))[0].labels.dtype == np.int32


@pytest.mark.parametrize(
    "pair",
    [("caf\u00e9", "cafe\u0301"), ("1", "\uff11"), ("good", "good\u200b"), ("so so", "so  so"), ("a", "\u00a0A")],
)
def test_classes_that_look_alike_are_told(pair: tuple[str, str]) -> None:
    assert confusable(["other", *pair]) == pair
    assert confusable(["cafe", "café", "so-so", "so so"]) == ()
