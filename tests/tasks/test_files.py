import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from zostudy.errors import DataError
from zostudy.tasks.files import Columns, read_frame, to_table

ROWS = [
    {"text": "a dull film", "label": "bad", "split": "train"},
    {"text": 'she said "go", twice', "label": "good", "split": "train"},
    {"text": "NA", "label": "bad", "split": "test"},
    {"text": "  schön  ", "label": "good", "split": "test"},
]


def write(path, rows):
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


def table_of(rows, **columns):
    return to_table(pd.DataFrame(rows), Columns(**columns), "here")


def refusal(rows, **columns):
    with pytest.raises(DataError) as error:
        table_of(rows, **columns)
    message = str(error.value)
    assert message.startswith("here: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("extension", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_every_format_gives_the_same_table(tmp_path, extension):
    table, notes = to_table(read_frame(write(tmp_path / f"data.{extension}", ROWS)), Columns(), "data")
    assert table.texts == ("a dull film", 'she said "go", twice', "NA", "  schön  ")
    assert table.second_texts is None
    assert table.class_names == ("bad", "good")
    assert table.labels.dtype == np.int32
    assert table.labels.tolist() == [0, 1, 0, 1]
    assert {name: rows.tolist() for name, rows in table.splits.items()} == {"train": [0, 1], "test": [2, 3]}
    assert notes == ()


def test_json_may_hold_lines_and_upper_case_extensions_are_known(tmp_path):
    path = tmp_path / "data.JSON"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    assert read_frame(path)["text"].tolist() == [row["text"] for row in ROWS]


def test_second_texts_may_be_empty_but_not_all(tmp_path):
    rows = [row | {"pair": pair} for row, pair in zip(ROWS, ["b", "", None, "d"], strict=True)]
    assert table_of(rows, second_text="pair")[0].second_texts == ("b", "", "", "d")
    assert "column 'pair' is empty" in refusal([row | {"pair": ""} for row in ROWS], second_text="pair")


@pytest.mark.parametrize(
    ("labels", "class_names"),
    [
        ([0, 1, 0, 1], ("0", "1")),
        ([-1, 1, -1, 1], ("-1", "1")),
        ([7.0, 2.0, 7.0, 2.0], ("2", "7")),
        (["10", "9", "10", "9"], ("9", "10")),
        ([True, False, True, False], ("False", "True")),
        (["b", "a", "b", "10"], ("10", "a", "b")),
    ],
)
def test_labels_are_numbered_in_order(labels, class_names):
    table, _ = table_of([row | {"label": label} for row, label in zip(ROWS, labels, strict=True)])
    assert table.class_names == class_names
    original = [str(int(label)) if isinstance(label, float) else str(label) for label in labels]
    assert [table.class_names[label] for label in table.labels] == original


def test_a_column_of_names_names_whole_numbers():
    names = {0: "worse", 1: "better"}
    rows = [row | {"label": label, "label_name": names[label]} for row, label in zip(ROWS, [1, 0, 1, 0], strict=True)]
    table, _ = table_of(rows)
    assert table.class_names == ("worse", "better")
    assert table.labels.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("names", [["x", "y", "z", "y"], ["x", "x", "x", "x"]])
def test_names_must_be_one_to_one(names):
    rows = [row | {"label": k % 2, "label_name": name} for k, (row, name) in enumerate(zip(ROWS, names, strict=True))]
    assert "'label_name' must give each label one name" in refusal(rows)


def test_without_splits_a_quarter_is_test_by_the_hash_of_the_text():
    texts = [f"text number {number}" for number in range(2000)] * 2
    rows = [{"text": text, "label": index % 2} for index, text in enumerate(texts)]
    table, notes = table_of(rows)
    in_test = {row for row, text in enumerate(texts) if hashlib.sha256(text.encode()).digest()[0] < 64}
    assert set(table.splits["test"].tolist()) == in_test
    assert set(table.splits["train"].tolist()) == set(range(4000)) - in_test
    assert 0.2 < len(in_test) / 4000 < 0.3
    assert "25%" in notes[0]


def test_the_hash_covers_both_texts():
    rows = [{"text": "same", "pair": f"{number}", "label": number % 2} for number in range(100)]
    splits = table_of(rows, second_text="pair")[0].splits
    assert len(splits["train"])
    assert len(splits["test"])


@pytest.mark.parametrize("column", ["text", "label", "second_text", "split"])
def test_a_missing_column_is_told_with_those_there(column):
    message = refusal(ROWS, **{column: "nowhere"})
    assert "no column 'nowhere'" in message
    assert "text, label, split" in message


@pytest.mark.parametrize("empty", ["", "  ", None, float("nan")])
def test_empty_texts_are_counted(empty):
    message = refusal([*ROWS, {"text": empty, "label": "bad", "split": "train"}] * 2)
    assert "2 empty texts in column 'text', the first at row 5" in message


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (0.5, "1 labels in column 'label' that are not whole numbers, the first at row 5"),
        (float("inf"), "1 labels in column 'label' that are not whole numbers, the first at row 5"),
        (None, "1 empty labels in column 'label', the first at row 5"),
    ],
)
def test_labels_must_be_classes(label, reason):
    rows = [row | {"label": 1} for row in ROWS]
    assert reason in refusal([*rows, {"text": "x", "label": label, "split": "test"}])


def test_other_bad_rows():
    assert "all labels are 'bad'" in refusal([row | {"label": "bad"} for row in ROWS])
    assert "4 values in column 'text' that are no texts" in refusal([row | {"text": 3} for row in ROWS])
    assert "1 rows with no split" in refusal([*ROWS, {"text": "x", "label": "bad", "split": None}])
    assert "holds no rows" in refusal({"text": [], "label": [], "split": []})


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("data.csv", None, "no such file"),
        ("data.xlsx", b"", "unknown extension '.xlsx'; use one of .csv, .tsv, .json, .jsonl, .parquet"),
        ("data.csv", b"", "cannot be read as csv"),
        ("data.csv", b"text,label\n\xff\xfe,1\n", "cannot be read as csv"),
        ("data.csv", b'text,label\n"open,1\n', "cannot be read as csv"),
        ("data.csv", b"text,label\na,b,1\nc,d,0\n", "more fields than the header"),
        ("data.csv", b"text,label\na,1\nc,d,0\n", "cannot be read as csv"),
        ("data.json", b"[{]", "cannot be read as json"),
        ("data.jsonl", b"1\n2\n", "each row must be an object"),
        ("data.parquet", b"not parquet", "cannot be read as parquet"),
    ],
)
def test_unreadable_files(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read_frame(tmp_path / name)
    assert reason in str(error.value)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)
