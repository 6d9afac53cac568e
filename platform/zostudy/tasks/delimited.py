"""Reads CSV and TSV files; every cell is text."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from zostudy.errors import DataError
from zostudy.tasks.decoding import read_text
from zostudy.tasks.rows import RawRows
from zostudy.wording import clipped, counted

_WHOLE_IN_QUOTES = re.compile(r'"(?:[^"]|"")*"')
_QUOTES_AFTER_BLANKS = re.compile(r'\s+"[^"]*"\s*')
_HINT = re.compile("sep=(.)", re.IGNORECASE | re.DOTALL)
_SEPARATORS = {
    ",": ("commas", "name it .csv"),
    "\t": ("tabs", "name it .tsv"),
    ";": ("semicolons", "save it with commas"),
}

Line = tuple[int, list[str]]


def read_csv(path: Path) -> RawRows:
    """Returns the rows of a CSV file; fields in quotes may hold commas, doubled quotes and line breaks.

    Raises:
        DataError: it is not UTF-8, a field's quotes do not end, or rows have more or fewer fields than the header.
        OSError: it cannot be read.
    """
    lines = _without_blanks(_without_hint(path, list(_csv_lines(path, read_text(path))), ","))
    remedy = "put texts that hold commas or quotes in quotes, and double the quotes inside"
    table = _table(path, lines, ",", remedy)
    spanning = sum(any("\n" in field or "\r" in field for field in fields) for _, fields in lines)
    notes = (f"{counted(spanning, 'row')} with line breaks, in quotes",) if spanning else ()
    return RawRows(table, notes=notes)


def read_tsv(path: Path) -> RawRows:
    """Returns the rows of a TSV file: a row is a line, tabs separate fields, and quotes are text.

    There is one exception, which a note reports. Programs that write TSV like CSV put a field that holds quotes in
    quotes, and double those inside. Where all fields that begin with a quote are of this kind, their quotes are undone.

    Raises:
        DataError: it is not UTF-8, or rows have more or fewer fields than the header.
        OSError: it cannot be read.
    """
    content = read_text(path)
    ends = "\n" if "\n" in content else "\r"
    lines = [(number, line.rstrip("\r").split("\t")) for number, line in enumerate(content.split(ends), 1)]
    lines = [(number, fields if fields != [""] else []) for number, fields in lines]
    lines = _without_blanks(_without_hint(path, lines, "\t"))
    quoted = [field for _, fields in lines for field in fields if field.startswith('"')]
    notes: tuple[str, ...] = ()
    if _written_like_csv(lines[0][1], quoted):
        lines = [(number, [_out_of_quotes(field) for field in fields]) for number, fields in lines]
        notes = (f"{len(quoted):,} fields were in quotes, with quotes inside doubled as in CSV; both are undone",)
    remedy = "TSV has no quoting around tabs and line breaks: save the file as CSV"
    return RawRows(_table(path, lines, "\t", remedy), notes=notes)


def _csv_lines(path: Path, content: str) -> Iterator[Line]:
    """Yields the fields of each row, with the number of its first line; a blank line has none."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            header = content.lstrip().partition("\n")[0].rstrip().split(",")
            _check_separator(path, header, ",")  # else its quotes look stray
            fault = "has a quote that never ends" if "end of data" in str(error) else f"has stray quotes ({error})"
            remedy = "put the whole field in quotes and double those inside"
            raise DataError(f"the row at line {number:,} {fault}", remedy=remedy, about=str(path)) from None
        yield number, fields


def _without_hint(path: Path, lines: list[Line], separator: str) -> list[Line]:
    """Returns the lines without a first one such as ``sep=,``, which tells Excel the separator and is no header."""
    hint = _HINT.fullmatch(separator.join(lines[0][1]))
    if hint is None or not any(fields for _, fields in lines[1:]):
        return lines
    if hint[1] != separator:
        words = _SEPARATORS[separator][0]
        rule, got = f"fields must be separated by {words}", f"the first line is {hint[0]!r}"
        raise DataError(rule, got=got, remedy=f"save it with {words}, without that line", about=str(path))
    return lines[1:]


def _without_blanks(lines: list[Line]) -> list[Line]:
    """Returns the lines that are rows: not the blank ones, unless an empty field of a file of one column looks so."""
    rows = [line for line in lines if line[1]]
    if len(rows[0][1]) > 1:
        return rows
    first, last = lines.index(rows[0]), lines.index(rows[-1])
    return [(number, fields or [""]) for number, fields in lines[first : last + 1]]


def _table(path: Path, lines: list[Line], separator: str, remedy: str) -> pa.Table:
    (_, header), rows = lines[0], lines[1:]
    _check_separator(path, header, separator)
    for row, (number, fields) in enumerate(rows, 1):
        if len(fields) != len(header):
            rule = f"every row must have the header's {len(header):,} fields"
            got = f"row {row:,} (line {number:,}) has {len(fields):,}"
            raise DataError(rule, got=got, remedy=remedy, about=str(path))
        if len(fields) > 1 and fields[1:] == header[1:] and fields[0].removeprefix("\ufeff") == header[0]:
            got, first = f"line {number:,} repeats it, as where files were joined", "the header must stand once"
            raise DataError(first, got=got, remedy="remove that line", about=str(path))
    columns = list(zip(*(fields for _, fields in rows), strict=True)) if rows else [()] * len(header)
    _check_quotes(path, header, columns)
    return pa.table([pa.array(column, pa.string()) for column in columns], names=header)


def _check_separator(path: Path, header: list[str], separator: str) -> None:
    """Refuses a header of one field that holds another separator than the file's extension asks for."""
    other = next((each for each in _SEPARATORS if each in header[0] and each != separator), None)
    if len(header) == 1 and other is not None:
        words, remedy = _SEPARATORS[other]
        got = f"the header {clipped(header[0])!r} has {words}"
        rule = f"fields must be separated by {_SEPARATORS[separator][0]}"
        raise DataError(rule, got=got, remedy=remedy, about=str(path))


def _check_quotes(path: Path, header: list[str], columns: Sequence[Sequence[str]]) -> None:
    """Refuses columns whose quotes stand behind blanks, where they are text and part no fields."""
    for name, cells in zip(header, columns, strict=True):
        if name[:1].isspace() and cells and all(map(_QUOTES_AFTER_BLANKS.fullmatch, cells)):
            rule, remedy = "quotes must stand right behind the comma", "remove the blanks behind commas"
            raise DataError(rule, got=f"column {name!r} has blanks there", remedy=remedy, about=str(path))


def _written_like_csv(header: list[str], quoted: list[str]) -> bool:
    if not all(map(_WHOLE_IN_QUOTES.fullmatch, quoted)):
        return False
    return any('""' in field[1:-1] for field in quoted) or all(map(_WHOLE_IN_QUOTES.fullmatch, header))


def _out_of_quotes(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field
