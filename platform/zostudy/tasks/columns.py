"""Columns by name, and what a cell says: text, or the name of a class or split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.types as types

from zostudy.errors import DataError
from zostudy.tasks.json_columns import JsonType, kind_of_text
from zostudy.wording import clipped, comma_list, suggestion

LARGEST_WHOLE_DOUBLE = 2**53  # from here on not every whole number is a double


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


def find_column(table: pa.Table, name: str, source: str) -> pa.ChunkedArray:
    """Returns a column, its dictionary undone.

    Args:
        table: the rows.
        name: the column's.
        source: the file or data set, to begin error messages with.

    Raises:
        DataError: there is no such column.
    """
    check_column(name, table.column_names, source)
    column = table[name]
    try:
        return column.cast(column.type.value_type) if types.is_dictionary(column.type) else column
    except pa.ArrowException:  # a dictionary of values that are neither texts nor numbers
        return column


def check_column(name: str, there: Sequence[str], source: str) -> None:
    """Checks that there is a column of a name.

    Raises:
        DataError: there is none.
    """
    if name not in there:
        remedy = suggestion(name, there, "name one of these")
        raise DataError(f"{source}: no column {name!r}; the columns are {comma_list(there)}; {remedy}")


def texts_of(
    table: pa.Table, text: str, second_text: str | None, source: str, used: Sequence[bool] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Returns the texts, and the second texts where a column of them is named; those of rows not used may be empty.

    Args:
        table: the rows.
        text: the text column.
        second_text: the second text column of pair tasks, or None.
        source: the file or data set, to begin error messages with.
        used: whether a row is used; None if all are.

    Raises:
        DataError: for a missing column, no rows, empty texts in rows that are used, or values that are no texts.
    """
    if not table.num_rows:
        raise DataError(f"{source}: holds no rows; check the file")
    texts = strings_of(find_column(table, text, source), text, source)
    refuse_rows([value is None for value in texts], used, f"empty texts in column {text!r}", source)
    if second_text is None:
        return _filled(texts), None
    second_texts = strings_of(find_column(table, second_text, source), second_text, source)
    if all(value is None for value in second_texts):  # some may be empty, as in the well-known pair tasks
        raise DataError(f"{source}: column {second_text!r} is empty; name another with task.second_text")
    return _filled(texts), _filled(second_texts)


def names_of(column: pa.ChunkedArray, name: str, source: str) -> list[str | None]:
    """Returns what each cell says as a name, None where it is empty.

    Text stands for itself, as it is written. Numbers of a type of their own have one name for each value: those of
    type double that equal 1 are ``1``, but the text ``1.0`` is ``1.0``. Booleans are ``True`` and ``False``.

    Args:
        column: the cells.
        name: the column's.
        source: the file or data set, to begin error messages with.

    Raises:
        DataError: they are of another type.
    """
    if types.is_boolean(column.type) or types.is_integer(column.type):
        return [None if value is None else str(value) for value in column.to_pylist()]
    if types.is_floating(column.type) or types.is_decimal(column.type):
        plain = column.cast(pa.float32()) if types.is_float16(column.type) else column
        return [None if value is None or value != value else _digits(value) for value in plain.to_pylist()]
    if _holds_strings(column.type):
        return strings_of(column, name, source)
    return _refuse_type(column, "text, whole numbers or booleans", name, source)


def strings_of(column: pa.ChunkedArray, name: str, source: str) -> list[str | None]:
    """Returns the texts of a column, None where one is missing or blank.

    Raises:
        DataError: the values are no texts, or not UTF-8.
    """
    if not _holds_strings(column.type):
        _refuse_type(column, "text", name, source)
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        bad = [not _is_utf8(value) for value in column.cast(pa.large_binary()).to_pylist()]
        refuse_rows(bad, None, f"values in column {name!r} that are not UTF-8", source)
        raise
    return [value if value is not None and value.strip() else None for value in values]


def refuse_rows(bad: Sequence[bool], used: Iterable[bool] | None, what: str, source: str) -> None:
    """Refuses rows that are bad and used, with their number and the first.

    Raises:
        DataError: there are such rows.
    """
    refused = list(bad) if used is None else [one and other for one, other in zip(bad, used, strict=True)]
    if any(refused):
        first = refused.index(True) + 1
        raise DataError(f"{source}: {sum(refused):,} {what}, the first at row {first:,}; mend or remove these rows")


def _holds_strings(kind: pa.DataType) -> bool:
    checks: tuple[Callable[[pa.DataType], bool], ...] = (
        types.is_string,
        types.is_large_string,
        types.is_string_view,
        types.is_null,
    )
    return any(check(kind) for check in checks)


def _refuse_type(column: pa.ChunkedArray, rule: str, name: str, source: str) -> NoReturn:
    if isinstance(column.type, JsonType):
        kinds: dict[str, int] = {}
        for row, text in enumerate(column.cast(pa.string()).to_pylist(), 1):
            if text is not None:
                kinds.setdefault(kind_of_text(text), row)
        fault = "holds " + " and ".join(f"{kind} (row {row:,})" for kind, row in kinds.items())
    else:
        first = next((row for row, valid in enumerate(column.is_valid().to_pylist(), 1) if valid), 1)
        fault = f"is of type {clipped(str(column.type))}, first at row {first:,}"
    raise DataError(f"{source}: column {name!r} must hold {rule}, but {fault}; convert it, or name another column")


def _digits(number: float | Decimal) -> str:
    """Returns a number's digits, without a fraction of zeros; large doubles as they are usually written."""
    if isinstance(number, float):
        return str(int(number)) if number.is_integer() and abs(number) < LARGEST_WHOLE_DOUBLE else repr(number)
    return str(int(number)) if number == number.to_integral_value() else str(number)


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _filled(texts: Iterable[Any]) -> tuple[str, ...]:
    return tuple("" if text is None else text for text in texts)
