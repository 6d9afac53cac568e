"""Files of texts and labels, read into a table; every mistake in them is one line that says where."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import DataError
from zostudy.tasks.table import TextTable

if TYPE_CHECKING:
    from pandas import DataFrame

TEST_SHARE = 0.25
NAME_COLUMN = "label_name"


@dataclass(frozen=True)
class Columns:
    """Which column holds what.

    Attributes:
        text: the texts.
        second_text: the second texts of pair tasks, or None.
        label: the labels: whole numbers, named by a column ``label_name`` where there is one, or class names.
        split: the split of each row; may be missing under its default name.
    """

    text: str = "text"
    second_text: str | None = None
    label: str = "label"
    split: str = "split"


def read_frame(path: Path) -> DataFrame:
    """Returns the rows of a CSV, TSV, JSON (array or lines) or Parquet file.

    Raises:
        DataError: for a missing file, an unknown extension, or a file that is not what its extension says.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: unknown extension {path.suffix!r}; use one of {', '.join(_READERS)}")
    if not path.is_file():
        raise DataError(f"{path}: no such file; check task.file, whose relative paths start at the study's folder")
    try:
        return reader(path)
    except (ValueError, TypeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]}: {reason}; check the file") from None


def to_table(frame: DataFrame, columns: Columns, source: str) -> tuple[TextTable, tuple[str, ...]]:
    """Returns the table, its splits under their own names, and notes on what was decided in reading it.

    Rows without a split column are split by the SHA-256 of their texts, a quarter of them to ``test``.

    Args:
        frame: the rows.
        columns: which column holds what.
        source: the file or data set, to begin error messages with.

    Raises:
        DataError: for a missing column, no rows, empty texts, labels that are no classes, or a single class.
    """
    hashed = columns.split == Columns.split and columns.split not in frame
    for column in (columns.text, columns.second_text, columns.label, None if hashed else columns.split):
        _check_column(frame, column, source)
    texts, second_texts = texts_of(frame, columns.text, columns.second_text, source)
    names = frame[NAME_COLUMN].tolist() if NAME_COLUMN in frame else None
    labels, class_names = _labels(frame[columns.label].tolist(), names, columns.label, source)
    notes: tuple[str, ...] = ()
    if hashed:
        splits = _hashed_splits(texts, second_texts)
        notes = (f"no column {columns.split!r}: {TEST_SHARE:.0%} of the texts, by their SHA-256, are test",)
    else:
        splits = _named_splits(frame[columns.split].tolist(), columns.split, source)
    return TextTable(texts, second_texts, labels, class_names, splits), notes


def texts_of(
    frame: DataFrame, text: str, second_text: str | None, source: str
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Returns the texts, and the second texts where a column of them is named.

    Args:
        frame: the rows.
        text: the text column.
        second_text: the second text column of pair tasks, or None.
        source: the file or data set, to begin error messages with.

    Raises:
        DataError: for a missing column, no rows, empty texts, or values that are no texts.
    """
    for column in (text, second_text):
        _check_column(frame, column, source)
    if not len(frame):
        raise DataError(f"{source}: holds no rows; check the file")
    texts = _texts(frame[text].tolist(), text, source)
    if second_text is None:
        return texts, None
    return texts, _second_texts(frame[second_text].tolist(), second_text, source)


def _check_column(frame: DataFrame, column: str | None, source: str) -> None:
    if column is not None and column not in frame:
        raise DataError(f"{source}: no column {column!r}; the columns are {', '.join(map(str, frame.columns))}")


def _read_separated(separator: str) -> Callable[[Path], DataFrame]:
    def read(path: Path) -> DataFrame:
        import pandas as pd

        # As text, and "NA" or "null" are texts too: what is a number is decided for the labels alone.
        frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
        if not isinstance(frame.index, pd.RangeIndex):  # pandas takes a field too many for row names
            raise ValueError("rows have more fields than the header; put texts in quotes")
        return frame

    return read


def _read_json(path: Path) -> DataFrame:
    import pandas as pd

    content = path.read_text(encoding="utf-8")
    if content.lstrip().startswith("["):
        records = json.loads(content)
    else:
        records = [json.loads(line) for line in content.splitlines() if line.strip()]
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("each row must be an object with the columns as keys")
    return pd.DataFrame(records)


def _read_parquet(path: Path) -> DataFrame:
    import pandas as pd

    return pd.read_parquet(path)


_READERS: dict[str, Callable[[Path], DataFrame]] = {
    ".csv": _read_separated(","),
    ".tsv": _read_separated("\t"),
    ".json": _read_json,
    ".jsonl": _read_json,
    ".parquet": _read_parquet,
}


def _texts(values: Sequence[Any], column: str, source: str) -> tuple[str, ...]:
    _refuse_rows([_missing(value) for value in values], f"empty texts in column {column!r}", source)
    strange = [not isinstance(value, str) for value in values]
    _refuse_rows(strange, f"values in column {column!r} that are no texts", source)
    return tuple(values)


def _second_texts(values: Sequence[Any], column: str, source: str) -> tuple[str, ...]:
    """Returns the second texts; some may be empty, as in the well-known pair tasks, but not all."""
    if all(_missing(value) for value in values):
        raise DataError(f"{source}: column {column!r} is empty; name another with task.second_text")
    strange = [not isinstance(value, str) and not _missing(value) for value in values]
    _refuse_rows(strange, f"values in column {column!r} that are no texts", source)
    return tuple("" if _missing(value) else value for value in values)


def _labels(
    values: Sequence[Any], names: Sequence[Any] | None, column: str, source: str
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    _refuse_rows([_missing(value) for value in values], f"empty labels in column {column!r}", source)
    numbers = _numbers(values)
    if numbers is None:
        class_names, labels = np.unique([str(value) for value in values], return_inverse=True)
        found = tuple(str(name) for name in class_names)
    else:
        whole = f"labels in column {column!r} that are not whole numbers"
        _refuse_rows([not number.is_integer() for number in numbers], whole, source)
        classes, labels = np.unique(np.array(numbers, np.int64), return_inverse=True)
        found = tuple(str(number) for number in classes)
        if names is not None:
            found = _named_classes(labels, found, names, source)
    if len(found) < 2:
        raise DataError(f"{source}: all labels are {found[0]!r}; a task needs two classes or more, check {column!r}")
    return labels.astype(np.int32), found


def _named_classes(
    labels: NDArray[np.int64], numbers: tuple[str, ...], names: Sequence[Any], source: str
) -> tuple[str, ...]:
    pairs = sorted({(int(label), str(name)) for label, name in zip(labels, names, strict=True)})
    if len(pairs) != len(numbers) or len({name for _, name in pairs}) != len(numbers):
        raise DataError(f"{source}: column {NAME_COLUMN!r} must give each label one name of its own; mend or drop it")
    return tuple(name for _, name in pairs)


def _numbers(values: Sequence[Any]) -> list[float] | None:
    try:
        return [float(str(value)) for value in values]
    except ValueError:
        return None


def _named_splits(values: Sequence[Any], column: str, source: str) -> dict[str, NDArray[np.int64]]:
    _refuse_rows([_missing(value) for value in values], f"rows with no split in column {column!r}", source)
    names = np.array([str(value) for value in values])
    return {str(name): np.flatnonzero(names == name) for name in np.unique(names)}


def _hashed_splits(texts: Sequence[str], second_texts: Sequence[str] | None) -> dict[str, NDArray[np.int64]]:
    whole = texts if second_texts is None else map("\0".join, zip(texts, second_texts, strict=True))
    digests = [hashlib.sha256(text.encode()).digest() for text in whole]
    in_test = np.array([int.from_bytes(digest[:4], "big") < TEST_SHARE * 2**32 for digest in digests])
    return {"train": np.flatnonzero(~in_test), "test": np.flatnonzero(in_test)}


def _missing(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _refuse_rows(bad: Sequence[bool], what: str, source: str) -> None:
    if any(bad):
        first = bad.index(True) + 1
        raise DataError(f"{source}: {sum(bad)} {what}, the first at row {first}; mend or remove these rows")
