"""The values of a JSON key as an Arrow column: in a type that holds each exactly, else as JSON text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", Decimal: "a number"}
_STARTS = {"{": "an object", "[": "a list", '"': "text", "t": "true or false", "f": "true or false"}


class JsonType(pa.ExtensionType):  # type: ignore[misc]
    """Values of several kinds, or values that no Arrow type holds exactly, each as its JSON text."""

    def __init__(self) -> None:
        """Makes the type; it has no parameters."""
        super().__init__(pa.string(), "zostudy.json")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> JsonType:
        return cls()


def arrow_column(values: Sequence[Any]) -> pa.Array:
    """Returns the values of one key, None where a row lacks it.

    Text becomes ``string``, true and false ``bool``, whole numbers ``int64`` or ``uint64``, other numbers ``double``,
    or a decimal where ``double`` would round one; lists and objects become Arrow's lists and structs. Other columns
    are of ``JsonType``.
    """
    kinds = {type(value) for value in values} - {type(None)}
    try:
        if not kinds:
            return pa.nulls(len(values))
        if kinds == {str}:
            return pa.array(values, pa.string())
        if kinds == {bool}:
            return pa.array(values, pa.bool_())
        if kinds <= {int, Decimal}:
            return _numbers(values, whole=kinds == {int})
        if kinds in ({list}, {dict}):
            return _nested(values)
    except (pa.ArrowException, ValueError, OverflowError, ArithmeticError):
        pass  # no such type holds them
    texts = [None if value is None else _written(value) for value in values]
    return pa.ExtensionArray.from_storage(JsonType(), pa.array(texts, pa.string()))


def kind_of(value: Any) -> str:
    """Returns the kind of a value, in words."""
    return _KINDS.get(type(value), "null")


def kind_of_text(text: str) -> str:
    """Returns the kind of a JSON text's value, in words."""
    return _STARTS.get(text[0], "a number")


def _numbers(values: Sequence[Any], whole: bool) -> pa.Array:
    given = [value for value in values if value is not None]
    if whole:
        if min(given) >= -(2**63) and max(given) < 2**63:
            return pa.array(values, pa.int64())
        if min(given) >= 0 and max(given) < 2**64:
            return pa.array(values, pa.uint64())
    elif all(_exact(value) for value in given):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else Decimal(value) for value in values])


def _exact(number: int | Decimal) -> bool:
    """Returns whether a double, written in its shortest form, is the number."""
    return Decimal(repr(float(number))) == number


def _nested(values: Sequence[Any]) -> pa.Array:
    plain = [_plain(value) for value in values]
    column = pa.array(plain)
    if not all(map(_same, plain, column.to_pylist())):
        raise ValueError("Arrow would change them")
    return column


def _plain(value: Any) -> Any:
    """Returns the value with numbers as Python's own."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal) and _exact(value):
        return float(value)
    return value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, dict):
        return set(before) <= set(after) and all(_same(before.get(key), after[key]) for key in after)
    if isinstance(before, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return bool(before == after)


def _written(value: Any) -> str:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
