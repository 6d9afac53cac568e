from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from zostudy.config.task import SplitNames
from zostudy.errors import DataError
from zostudy.inspection.columns import column_facts, guess_columns, guess_splits
from zostudy.tasks.known import Columns


def guessed(columns: dict[str, list[Any]], **given: str) -> Columns:
    table = pa.table(columns)
    asked = {"text": None, "second_text": None, "label": None} | given
    return guess_columns(column_facts(table, "f"), table.num_rows, "f", **asked)


BODY = ["a long text", "another long text", "a third long text", "the last of the long texts"]
KIND = ["x", "y", "x", "y"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"kind": KIND, "title": ["a", "b", "c", "d"], "body": BODY}, ("body", None, "kind")),
        ({"text": ["a", "b", "c", "d"], "body": BODY, "kind": KIND}, ("text", None, "kind")),
        ({"body": BODY, "other": KIND, "Category": KIND}, ("body", None, "Category")),
        ({"id": [1, 2, 3, 4], "body": BODY, "label": [0, 1, 1, 0]}, ("body", None, "label")),
        ({"premise": BODY, "hypothesis": BODY[::-1], "label": KIND}, ("premise", "hypothesis", "label")),
        ({"text": BODY, "text_b": [None] * 4, "label": KIND}, ("text", None, "label")),
        ({"split": ["train", "test"] * 2, "body": BODY, "kind": KIND}, ("body", None, "kind")),
        ({"body": BODY, "tags": [["a"]] * 4, "kind": KIND}, ("body", None, "kind")),
    ],
)
def test_texts_and_labels_are_found(columns: dict[str, Any], expected: tuple[str | None, ...]) -> None:
    found = guessed(columns)
    assert (found.text, found.second_text, found.label) == expected


def test_what_is_given_is_not_guessed() -> None:
    columns = {"title": ["a", "b", "c", "d"], "body": BODY, "kind": KIND, "sort": KIND}
    assert guessed(columns, text="title", label="sort") == Columns("title", None, "sort")
    assert guessed(columns, label="body").text == "title"
    for twice in ({"text": "body", "label": "body"}, {"text": "body", "second_text": "body"}):
        with pytest.raises(DataError, match="must stand in different columns, but 'body' is given twice; mend `text`"):
            guessed(columns, **twice)


def test_a_given_column_of_a_pair_is_not_guessed_again() -> None:
    columns = {"sentence1": BODY, "sentence2": BODY[::-1], "kind": KIND}
    assert guessed(columns, second_text="sentence1") == Columns("sentence2", "sentence1", "kind")
    assert guessed(columns, label="sentence1") == Columns("sentence2", None, "sentence1")


def test_a_column_named_label_is_the_label_even_of_one_or_very_many_classes() -> None:
    texts = [f"this is text {number}" for number in range(160)]
    assert guessed({"text": texts, "label": [*range(80), *range(80)], "flag": ["a", "b"] * 80}).label == "label"
    assert guessed({"text": texts, "label": ["a"] * 160}).label == "label"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"n": [1, 2, 1, 2]}, r"f: a column must hold the texts, but none of n looks like them; name it with `text`"),
        ({"body": BODY, "id": [1, 2, 3, 4]}, r"hold the labels .*, but none of body, id looks .* with `label`"),
        ({"body": BODY, "one": ["x"] * 4}, r"hold the labels"),
    ],
)
def test_a_file_without_texts_or_labels_is_one_line(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        guessed(columns)


def test_facts_count_what_is_there() -> None:
    body, kind, tags = column_facts(pa.table({"body": ["ab", None, "abcd"], "kind": [1, 1, 2], "tags": [[1]] * 3}), "f")
    assert (body.distinct, body.empty, body.characters) == (2, 1, 3.0)
    assert (kind.type, kind.distinct, kind.characters) == ("int64", 2, 0.0)
    assert (tags.distinct, tags.empty) == (0, 0)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train", "test"], None),
        (["train", "test", "validation"], SplitNames(dev="validation")),
        (["train", "dev"], SplitNames(test="dev")),
        (["left", "right"], None),
    ],
)
def test_splits_get_their_roles(names: list[str], expected: SplitNames | None) -> None:
    assert guess_splits(pa.table({"split": names}), "f") == expected
    assert guess_splits(pa.table({"other": names}), "f") is None


def test_a_column_without_a_name_is_not_guessed() -> None:
    assert guessed({"": KIND, "body": BODY, "mood": ["x", "x", "y", "y"]}).label == "mood"
    assert guessed({"": [text * 2 for text in BODY], "body": BODY, "kind": KIND}).text == "body"
    with pytest.raises(DataError, match="must hold the labels"):
        guessed({"body": BODY, "": KIND})
