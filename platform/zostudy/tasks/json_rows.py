"""JSON files: one array of objects, or an object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from zostudy.errors import DataError
from zostudy.tasks.decoding import read_text
from zostudy.tasks.json_columns import arrow_column, kind_of
from zostudy.tasks.rows import RawRows
from zostudy.wording import quoted

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
_BLANKS = re.compile(r"[ \t\r\n]*")

JsonRow = tuple[str, str, Any]


def read_json(path: Path) -> RawRows:
    """Returns the rows of a JSON array, or of JSON lines, which end at line feeds only. A missing key is a null.

    Raises:
        DataError: the file is not UTF-8, or a row is no JSON object; the error names the row.
        OSError: the file cannot be read.
    """
    content = read_text(path)
    rows = _array(path, content) if content.lstrip().startswith("[") else _lines(path, content)
    objects, records = [], []
    for where, written, record in rows:
        if not isinstance(record, dict):
            _refuse(path, where, f"holds {kind_of(record)}", "each row must be an object with the columns as keys")
        if _HALF_CHARACTER.search(written):
            _check_characters(path, where, record)
        objects.append(written)
        records.append(record)
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = [arrow_column([record.get(name) for record in records]) for name in names]
    return RawRows(pa.table(columns, names=names), tuple(objects))


def _lines(path: Path, content: str) -> Iterator[JsonRow]:
    """Yields each line's position, text and value."""
    for number, line in enumerate(content.split("\n"), 1):
        written = line.strip(" \t\r")
        if written:
            where = f"line {number:,}"
            try:
                yield where, written, _DECODER.decode(written)
            except (ValueError, ArithmeticError, RecursionError) as error:
                _refuse(path, where, f"is no whole JSON object ({_reason(error)})", "mend or remove it")


def _array(path: Path, content: str) -> Iterator[JsonRow]:
    """Yields each element's position, text and value."""
    offset, number = _after_blanks(content, content.index("[") + 1), 1
    while not content.startswith("]", offset):
        where = f"row {number:,}"
        try:
            record, end = _DECODER.raw_decode(content, offset)
        except (ValueError, ArithmeticError, RecursionError) as error:
            line = content.count("\n", 0, getattr(error, "pos", offset)) + 1
            _refuse(path, where, f"is no whole JSON object ({_reason(error)}, line {line:,})", "mend or remove it")
        yield where, content[offset:end], record
        offset, number = _after_blanks(content, end), number + 1
        if content.startswith(",", offset):
            offset = _after_blanks(content, offset + 1)
            if content.startswith("]", offset):
                _refuse(path, where, "is followed by a comma and no row", "remove the comma")
        elif not content.startswith("]", offset):
            _refuse(path, where, "is followed by neither a comma nor the array's end", "mend the file, it may be cut")
    if _after_blanks(content, offset + 1) < len(content):
        line = content.count("\n", 0, offset) + 1
        got = f"more follows its end at line {line:,}"
        raise DataError("must hold one array", got=got, remedy="remove it", about=str(path))


def _after_blanks(content: str, offset: int) -> int:
    found = _BLANKS.match(content, offset)
    return offset if found is None else found.end()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {quoted(next(name for name in names if names.count(name) > 1))} stands twice")
    return record


def _whole(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # its message is of a setting of Python
        raise ArithmeticError from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"JSON has no {word}; write null")


def _check_characters(path: Path, where: str, record: dict[str, Any]) -> None:
    try:
        json.dumps(record, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("unicode_escape").decode()
        _refuse(path, where, rf"holds half a character ({half})", "write the whole character, such as an emoji")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, column {error.colno:,}"
    if isinstance(error, ArithmeticError):
        return "a number out of range"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _refuse(path: Path, where: str, fault: str, remedy: str) -> NoReturn:
    raise DataError(f"{where} {fault}", remedy=remedy, about=str(path)) from None


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=Decimal, parse_int=_whole, parse_constant=_no_number)
