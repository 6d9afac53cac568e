"""Finds columns by name, and reads cells as text or as the name of a class or split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.types as types

from zostudy.errors import DataError
from zostudy.tasks.json_columns import JsonType, kind_of_text
from zostudy.wording import clipped, comma_list, suggestion

LARGEST_WHOLE_DOUBLE = 2**53  # above, some whole numbers are no doubles


def find_column(table: pa.Table, name: str, source: str) -> pa.ChunkedArray:
    """Returns a column, dictionary-encoded ones decoded; ``source`` is the file or data set, for errors.

    Raises:
        DataError: the column is missing.
    """
    check_column(name, table.column_names, source)
    column = table[name]
    try:
        return column.cast(column.type.value_type) if types.is_dictionary(column.type) else column
    except pa.ArrowException:  # a dictionary of values that are neither texts nor numbers
        return column


def check_column(name: str, there: Sequence[str], source: str) -> None:
    """Raises a ``DataError`` unless the column is among those there."""
    if name not in there:
        got = f"its columns are {comma_list(there)}" if there else "it has none"
        remedy = suggestion(name, there, "name one of these" if there else "name another file")
        raise DataError(f"must have the column {name!r}", got=got, remedy=remedy, about=source)


def texts_of(
    table: pa.Table, text: str, second_text: str | None, source: str, used: Sequence[bool] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Returns the texts, and the second texts where a column is named for them. Unused rows may be empty.

    Args:
        table: the rows.
        text: the text column.
        second_text: the second text column of pair tasks, or None.
        source: the file or data set, for errors.
        used: whether each row is used; None if all are.

    Raises:
        DataError: for a missing column, empty texts in used rows, or values that are not text.
    """
    texts = strings_of(find_column(table, text, source), text, source)
    refuse_rows([value is None for value in texts], used, f"empty texts in column {text!r}", source)
    if second_text is None:
        return _filled(texts), None
    second_texts = strings_of(find_column(table, second_text, source), second_text, source)
    if all(value is None for value in second_texts):  # some may be empty, as in the well-known pair tasks
        remedy = "name another with task.second_text"
        raise DataError(f"column {second_text!r} is empty", remedy=remedy, about=source)
    return _filled(texts), _filled(second_texts)


def names_of(column: pa.ChunkedArray, name: str, source: str) -> list[str | None]:
    """Returns each cell as a name, None where it is empty.

    Text is kept as it is written. A number has one name per value: a double that equals 1 is ``1``, but the text
    ``1.0`` is ``1.0``. Booleans are ``True`` and ``False``.

    Raises:
        DataError: the cells are of another type.
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
        DataError: the values are not text, or not UTF-8.
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
    """Raises a ``DataError`` that counts the rows that are bad and used, if any, and names the first.

    Args:
        bad: whether each row is bad.
        used: whether each row is used; None if all are.
        what: the fault of these rows, in the plural, such as ``empty texts in column 'text'``.
        source: the file or data set.
    """
    refused = list(bad) if used is None else [one and other for one, other in zip(bad, used, strict=True)]
    if n_refused := sum(refused):
        first = f"row {refused.index(True) + 1:,}"
        where, these = (first, "it") if n_refused == 1 else (f"{n_refused:,} rows, the first is {first}", "these rows")
        raise DataError(f"{what}: {where}", remedy=f"mend or remove {these}", about=source)


def _holds_strings(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind) for is_kind in (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
    )


def _refuse_type(column: pa.ChunkedArray, rule: str, name: str, source: str) -> NoReturn:
    if isinstance(column.type, JsonType):
        kinds: dict[str, int] = {}
        for row, text in enumerate(column.cast(pa.string()).to_pylist(), 1):
            if text is not None:
                kinds.setdefault(kind_of_text(text), row)
        got = "holds " + " and ".join(f"{kind} (row {row:,})" for kind, row in kinds.items())
    else:
        first = next((row for row, valid in enumerate(column.is_valid().to_pylist(), 1) if valid), 1)
        got = f"is of type {clipped(str(column.type))}, first at row {first:,}"
    remedy = "convert it, or name another column"
    raise DataError(f"column {name!r} must hold {rule}", got=got, remedy=remedy, about=source)


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
