"""Writes rows to a CSV, TSV, JSON or Parquet file without loss; values that the format cannot hold are an error."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from zostudy.errors import DataError
from zostudy.export.column_texts import REMEDY, column_json, column_texts
from zostudy.results.filesystems import is_replaceable
from zostudy.tasks.json_columns import JsonType
from zostudy.tasks.rows import RawRows
from zostudy.wording import one_line


def check_target(to: Path, file: Path, rows: RawRows) -> None:
    """Checks that rows with predictions can be written to ``to``, before texts are scored; ``file`` is the input.

    Raises:
        DataError: ``to`` is the input, has an unknown extension or cannot be written, or cannot hold the rows.
    """
    if to.suffix.lower() not in _WRITERS:
        remedy = f"use one of {', '.join(_WRITERS)}"
        raise DataError(f"unknown extension {to.suffix!r}", remedy=remedy, about=f"`to` {to}")
    if to.exists() and to.samefile(file):
        raise DataError("must be another file than the input", remedy="name another one", about=f"`to` {to}")
    if not is_replaceable(to) or not os.access(to.absolute().parent, os.W_OK):
        raise DataError("must be a file in a folder that can be written", remedy="mend the path", about=f"`to` {to}")
    _write(rows, Path(os.devnull), to)


def write_rows(rows: RawRows, to: Path) -> None:
    """Writes rows at once to a file, in the format of its extension.

    Raises:
        DataError: the file cannot be written, or the format cannot hold the rows.
    """
    unfinished = to.with_name(f".{to.name}.unfinished")
    try:
        _write(rows, unfinished, to)
        os.replace(unfinished, to)
    except OSError as error:
        fault = f"it cannot ({error.strerror or error})"
        raise DataError("must be writable", got=fault, remedy="name another file", about=f"`to` {to}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def write_csv(rows: RawRows, file: TextIO, delimiter: str = ",", kind: str = "CSV") -> None:
    """Writes rows as CSV, lines ending in a line feed, to a file that was opened with ``newline=""``.

    ``kind`` is the format's name for errors.

    Raises:
        DataError: CSV cannot hold a column.
    """
    table = rows.table
    names = table.column_names
    columns = [column_texts(table[name], name, kind) for name in names]
    for name, cells in zip(names, columns, strict=True):
        _refuse_characters("\0" if delimiter == "," else "\0\t\n\r", name, [name, *cells], kind)
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    careful = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in (names, *zip(*columns, strict=True)):
        (careful if any("\r" in cell for cell in row) else writer).writerow(row)


def _write(rows: RawRows, path: Path, to: Path) -> None:
    """Writes rows to ``path`` in the format of ``to``."""
    try:
        _WRITERS[to.suffix.lower()](rows, path)
    except DataError as error:
        raise DataError(error.rule, got=error.got, remedy=error.remedy, about=f"`to` {to}") from None


def _refuse_characters(refused: str, name: str, cells: Iterable[str], kind: str) -> None:
    for row, cell in enumerate(cells):
        if found := next((character for character in refused if character in cell), None):
            where = f"row {row:,}" if row else "its name"
            raise DataError(f"{kind} cannot hold {found!r}", got=f"column {name!r} does ({where})", remedy=REMEDY)


def _write_separated(rows: RawRows, path: Path, delimiter: str, kind: str) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        write_csv(rows, file, delimiter, kind)


def _write_json(rows: RawRows, path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("[\n")
        for number, line in enumerate(_objects(rows)):
            file.write(f",\n{line}" if number else line)
        file.write("\n]\n")


def _write_json_lines(rows: RawRows, path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        for line in _objects(rows):
            # Line breaks stand only between the tokens of an object: within strings they are escaped.
            file.write(line.replace("\n", " ").replace("\r", " ") + "\n")


def _objects(rows: RawRows) -> Iterable[str]:
    return object_texts(rows.table) if rows.objects is None else rows.objects


def object_texts(table: pa.Table) -> list[str]:
    """Returns each row as a JSON object.

    Raises:
        DataError: JSON cannot hold a column.
    """
    names = [json.dumps(name, ensure_ascii=False) for name in table.column_names]
    columns = [column_json(table[name], name, "JSON") for name in table.column_names]
    return [
        "{" + ", ".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=True)) + "}"
        for row in zip(*columns, strict=True)
    ]


def _write_parquet(rows: RawRows, path: Path) -> None:
    for name in rows.table.column_names:
        if isinstance(rows.table[name].type, JsonType):
            raise DataError(f"Parquet cannot hold column {name!r}, whose values are of several kinds", remedy=REMEDY)
    try:
        with open(path, "wb") as file:
            pq.write_table(rows.table, file)
    except (pa.ArrowException, ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f"Parquet cannot hold the rows ({one_line(error)})", remedy=REMEDY) from None


_WRITERS: dict[str, Callable[[RawRows, Path], None]] = {
    ".csv": partial(_write_separated, delimiter=",", kind="CSV"),
    ".tsv": partial(_write_separated, delimiter="\t", kind="TSV"),
    ".json": _write_json,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}
