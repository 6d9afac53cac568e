"""The columns of a file, and guesses for the text, label and split columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa

from zostudy.config.task import SplitNames
from zostudy.errors import DataError
from zostudy.tasks.columns import find_column, names_of, strings_of
from zostudy.tasks.known import Columns

MOST_LABELS = 50

_PAIRS = (
    *(("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence")),
    *(("text1", "text2"), ("text_a", "text_b"), ("text", "text_b")),
)
_LABEL_NAMES = ("label", "class", "category", "target", "sentiment", "y")
_DEV_NAMES = ("dev", "validation", "valid", "val")


@dataclass(frozen=True)
class ColumnFacts:
    """A column of a file.

    Attributes:
        name: in the file.
        type: Arrow's, such as ``string`` or ``int64``.
        distinct: number of different values without empty ones; 0 for values that cannot name a class, such as lists.
        empty: number of rows without a value.
        characters: mean length of the texts; 0 for other values.
        use: ``text``, ``second_text``, ``label``, ``label names`` (of labels that are numbers), ``split``, or ``-``.
    """

    name: str
    type: str
    distinct: int
    empty: int
    characters: float
    use: str = "-"


def column_facts(table: pa.Table, source: str) -> list[ColumnFacts]:
    """Returns the facts of each column, in the file's order; ``source`` is the file, for errors."""
    return [_facts(table, name, source) for name in table.column_names]


def guess_columns(
    facts: Sequence[ColumnFacts], n_rows: int, source: str, text: str | None, second_text: str | None, label: str | None
) -> Columns:
    """Returns the text and label columns: the given ones, and guesses for the others.

    Two columns with the usual names of a pair are the texts. Otherwise the text column is ``text``, or the one with the
    longest texts. The label column has a usual name, or the fewest values, two to ``MOST_LABELS``; it has at most half
    as many values as rows. A column without a name is neither.

    Raises:
        DataError: no column can be the text or the label, or one column is given twice.
    """
    texts = {each.name for each in facts if each.characters} - {label}
    pair = next((pair for pair in _PAIRS if texts.issuperset(pair) and pair[0] != second_text), None)
    if text is None and pair is not None:
        text, second_text = pair[0], second_text or pair[1]
    text = text or _guessed_text(facts, source, {second_text, label})
    label = label or _guessed_label(facts, n_rows, source, {text, second_text})
    if text == second_text or label in (text, second_text):
        raise DataError(
            "texts and labels must stand in different columns",
            got=f"{(text if text == second_text else label)!r} is given twice",
            remedy="mend `text`, `second_text` or `label`",
            about=source,
        )
    return Columns(text, second_text, label)


def guess_splits(table: pa.Table, source: str) -> SplitNames | None:
    """Returns the names of the splits in the column ``split``; None without that column or if the defaults fit."""
    if Columns.split not in table.column_names:
        return None
    names = {
        (name or "").strip() for name in names_of(find_column(table, Columns.split, source), Columns.split, source)
    }
    dev = next((name for name in _DEV_NAMES if name in names), None)
    if "train" not in names or dev is None:
        return None
    return SplitNames(dev=dev) if "test" in names else SplitNames(test=dev)


def _facts(table: pa.Table, name: str, source: str) -> ColumnFacts:
    column = find_column(table, name, source)
    try:
        values = names_of(column, name, source)
    except DataError:
        return ColumnFacts(name, str(column.type), 0, column.null_count, 0.0)
    there = [value for value in values if value is not None]
    lengths = sum(map(len, there)) / len(there) if there and _is_text(table, name, source) else 0.0
    return ColumnFacts(name, str(column.type), len(set(there)), len(values) - len(there), lengths)


def _is_text(table: pa.Table, name: str, source: str) -> bool:
    try:
        strings_of(find_column(table, name, source), name, source)
    except DataError:
        return False
    return True


def _guessed_text(facts: Sequence[ColumnFacts], source: str, taken: Collection[str | None]) -> str:
    texts = [each for each in facts if each.characters and each.name not in {*taken, Columns.split, ""}]
    if not texts:
        raise _no_column("texts", facts, "text", source)
    named = [each for each in texts if each.name == Columns.text]
    return (named or sorted(texts, key=lambda each: -each.characters))[0].name


def _guessed_label(facts: Sequence[ColumnFacts], n_rows: int, source: str, taken: Collection[str | None]) -> str:
    others = {*taken, Columns.split, ""}
    free = [each for each in facts if 1 <= each.distinct <= n_rows // 2 and each.name not in others]
    named = [each for name in _LABEL_NAMES for each in free if each.name.casefold() == name]
    fitting = [each for each in free if 2 <= each.distinct <= MOST_LABELS]
    if not (named or fitting):
        raise _no_column(f"labels (2 to {MOST_LABELS} values, each more than once)", facts, "label", source)
    return (named or sorted(fitting, key=lambda each: each.distinct))[0].name


def _no_column(what: str, facts: Sequence[ColumnFacts], parameter: str, source: str) -> DataError:
    got = f"none of {', '.join(each.name for each in facts)} looks like them" if facts else "it has no column"
    return DataError(f"a column must hold the {what}", got=got, remedy=f"name it with `{parameter}`", about=source)
