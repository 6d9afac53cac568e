"""Prints the result of a verb: a table for people, plain text in a pipe, or CSV and JSON for other programs."""

from __future__ import annotations

import csv
import json
import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from zostudy.cli.messages import flagged
from zostudy.results.table_formats import Table, latex, markdown, plain, table_of

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod

LEAST_LETTERS = 8
"""The narrowest a column of words gets, in letters; longer words are broken."""

RowBatches: TypeAlias = Iterable[Sequence[Sequence[Any]]]
"""Rows in batches, so that only one batch of a large result is in memory."""


class Format(StrEnum):
    """The format in which a verb prints its result."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


DATA_FORMATS = (Format.JSON, Format.CSV)  # for other programs


def show(
    records: Sequence[Mapping[str, Any]], format: Format = Format.TABLE, tables: Sequence[Table] | None = None
) -> None:
    """Prints a result on standard output.

    Args:
        records: the result for programs, flat mappings with equal keys; JSON and CSV print these.
        format: how to print it.
        tables: the result for people; without it, one table of the records, if there are any.
    """
    if format in DATA_FORMATS:
        columns = list(records[0]) if records else []
        write_batches(format, columns, [[list(record.values()) for record in records]], sys.stdout)
        return
    if tables is None:
        tables = [table_of(records)] if records else []
    tables = [replace(table, notes=tuple(map(flagged, table.notes))) for table in tables]
    if format is Format.MARKDOWN:
        print("\n\n".join(map(markdown, tables)))
    elif format is Format.LATEX:
        print("\n\n".join(map(latex, tables)))
    elif sys.stdout.isatty():
        for number, table in enumerate(tables):
            _print_rich(table, apart=number > 0)
    else:
        print(plain(*tables))


def write_batches(format: Format, columns: Sequence[str], batches: RowBatches, file: TextIO) -> None:
    """Writes rows as CSV, or as a JSON array of one object a row with an indent of 2.

    ``columns`` are different names. Without columns the CSV is empty.
    """
    if format is Format.CSV:
        writer = csv.writer(file, lineterminator="\n")
        if columns:
            writer.writerow(columns)
        for rows in batches:
            writer.writerows(rows)
        return
    between = "[\n"
    for rows in batches:
        for row in rows:
            record = _json_text(dict(zip(columns, row, strict=True)))
            file.write(between + textwrap.indent(record, "  "))
            between = ",\n"
    file.write("[]\n" if between == "[\n" else "\n]\n")


def plain_rows(rows: Iterable[Iterable[Any]]) -> list[list[Any]]:
    """Returns rows with JSON's types of values: NaN becomes null, infinity and other types become text.

    A decimal becomes a float if that is exact, else a text of all its digits.
    """
    return [list(map(_plain, row)) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _json_text(value: Any) -> str:
    """Returns JSON with an indent of 2 and with escapes for characters that cannot be printed, such as ESC."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _print_rich(table: Table, apart: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if apart:
        console.print()
    widths = [_least_width(table, number) for number in range(len(table.columns))]
    if sum(widths) + 2 * (len(widths) - 1) > console.width:
        _print_rows(table, widths, console)
    else:
        _print_columns(table, widths, console)
    for note in table.notes:
        console.print(Text(note))


def _least_width(table: Table, number: int) -> int:
    """Returns the least width of a column: its longest number, or its longest word up to ``LEAST_LETTERS``."""
    longest = max((len(word) for row in (table.columns, *table.rows) for word in row[number].split()), default=0)
    return min(longest, LEAST_LETTERS) if number < table.text_columns else longest


def _print_columns(table: Table, widths: Sequence[int], console: Console) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(
        title=Text(table.title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for number, (heading, width) in enumerate(zip(table.columns, widths, strict=True)):
        justify: JustifyMethod = "left" if number < table.text_columns else "right"
        shown.add_column(Text(heading), justify=justify, overflow="fold", min_width=width)
    for i, row in enumerate(table.rows):
        if table.below and i == len(table.rows) - table.below:
            shown.add_section()
        shown.add_row(*(Text(cell, "bold" if (i, j) in table.best else "") for j, cell in enumerate(row)))
    console.print(shown, crop=False)


def _print_rows(table: Table, widths: Sequence[int], console: Console) -> None:
    """Prints each cell on a line of its own, for tables that are wider than the terminal."""
    from rich.table import Table as RichTable
    from rich.text import Text

    for i, row in enumerate(table.rows):
        if i or table.title:
            console.print(Text("" if i else table.title))
        shown = RichTable.grid(padding=(0, 2, 0, 0))
        shown.add_column()
        shown.add_column(overflow="fold", min_width=max(widths))
        for j, (heading, cell) in enumerate(zip(table.columns, row, strict=True)):
            shown.add_row(Text(heading), Text(cell, "bold" if (i, j) in table.best else ""))
        console.print(shown, crop=False)
