"""Converts the values of an Arrow column to text without loss, for CSV, TSV and JSON files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.types as types

from zostudy.errors import DataError
from zostudy.tasks.json_columns import JsonType
from zostudy.wording import one_line

REMEDY = "leave the column out, or write the format that it came from"
OUT_OF_RANGE = "<value out of range"  # Arrow's text for times that it cannot write in digits


def column_texts(column: pa.ChunkedArray, name: str, kind: str) -> list[str]:
    """Returns the values as cells of a CSV or TSV file; a null is empty. ``kind`` is the file's format, for errors.

    Raises:
        DataError: a value is bytes, a list, an object or another type that such a file cannot hold.
    """
    if isinstance(column.type, JsonType):
        texts = column.cast(pa.string()).to_pylist()
        _refuse([text is not None and text[0] in "[{" for text in texts], column, name, kind)
        return ["" if text is None else json.loads(text) if text[0] == '"' else text for text in texts]
    values = _plain_values(column, name, kind)
    if values is None:
        raise _refusal(column, name, kind, _first(column))
    return ["" if value is None else str(value) for value in values]


def column_json(column: pa.ChunkedArray, name: str, kind: str) -> list[str]:
    """Returns the values as JSON. ``kind`` is the file's format, for errors.

    Raises:
        DataError: a value is bytes, NaN, infinite or of another type that JSON cannot hold.
    """
    if isinstance(column.type, JsonType):
        return [text or "null" for text in column.cast(pa.string()).to_pylist()]
    if types.is_boolean(column.type):
        return ["null" if value is None else json.dumps(value) for value in column.to_pylist()]
    values = _plain_values(column, name, kind)
    if values is None:
        return _nested_cells(column, name, kind)
    if _is_number(column.type):
        texts = ["null" if value is None else str(value) for value in values]
        _refuse([text.lstrip("-") in ("nan", "inf") for text in texts], column, name, kind)
        return texts
    return [json.dumps(value, ensure_ascii=False) for value in values]


def _plain_values(column: pa.ChunkedArray, name: str, kind: str) -> Sequence[Any] | None:
    """Returns values whose ``str`` is exact, with None for a null; None for a type that text cannot hold."""
    of = column.type
    try:
        if types.is_dictionary(of):
            return _plain_values(column.cast(of.value_type), name, kind)
        if types.is_floating(of):
            return _floats(column)
        if types.is_boolean(of) or types.is_integer(of) or types.is_null(of):
            return list(column.to_pylist())
        if any(check(of) for check in _CAST_TO_TEXT):
            texts: list[str | None] = column.cast(pa.large_string()).to_pylist()
            _refuse([text is not None and text.startswith(OUT_OF_RANGE) for text in texts], column, name, kind)
            return texts
    except (pa.ArrowException, ValueError) as error:
        raise _failure(column, name, kind, error) from None
    return None


def _floats(column: pa.ChunkedArray) -> Sequence[Any]:
    """Returns floats of the column's own width, whose ``str`` has the fewest digits that are exact."""
    values = column.to_numpy().astype(column.type.to_pandas_dtype())
    return [value if valid else None for value, valid in zip(values, column.is_valid().to_pylist(), strict=True)]


def _nested_cells(column: pa.ChunkedArray, name: str, kind: str) -> list[str]:
    if not _fits_json(column.type):
        raise _refusal(column, name, kind, _first(column))
    try:
        return [json.dumps(value, ensure_ascii=False, allow_nan=False) for value in column.to_pylist()]
    except ValueError as error:
        raise _failure(column, name, kind, error) from None


def _fits_json(of: pa.DataType) -> bool:
    if types.is_struct(of) or types.is_list(of) or types.is_large_list(of) or types.is_fixed_size_list(of):
        return all(_fits_json(of.field(i).type) for i in range(of.num_fields))
    return any(check(of) for check in _LEAVES)


def _is_number(of: pa.DataType) -> bool:
    of = of.value_type if types.is_dictionary(of) else of
    return any(check(of) for check in (types.is_integer, types.is_floating, types.is_decimal))


def _refuse(bad: Sequence[bool], column: pa.ChunkedArray, name: str, kind: str) -> None:
    if any(bad):
        raise _refusal(column, name, kind, bad.index(True))


def _failure(column: pa.ChunkedArray, name: str, kind: str, error: Exception) -> DataError:
    return DataError(f"{kind} cannot hold column {name!r} (of type {column.type}: {one_line(error)})", remedy=REMEDY)


def _first(column: pa.ChunkedArray) -> int:
    return next((row for row, valid in enumerate(column.is_valid().to_pylist()) if valid), 0)


def _refusal(column: pa.ChunkedArray, name: str, kind: str, row: int) -> DataError:
    of = "values of several kinds" if isinstance(column.type, JsonType) else f"of type {column.type}"
    return DataError(f"{kind} cannot hold column {name!r} ({of}, row {row + 1:,})", remedy=REMEDY)


_STRINGS: tuple[Callable[[pa.DataType], bool], ...] = (types.is_string, types.is_large_string, types.is_string_view)
_LEAVES = (*_STRINGS, types.is_boolean, types.is_integer, types.is_float32, types.is_float64, types.is_null)
_CAST_TO_TEXT = (*_STRINGS, types.is_decimal, types.is_date, types.is_time, types.is_timestamp)
