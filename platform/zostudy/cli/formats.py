"""What a verb prints: a table for people, plain text in a pipe, or what other programs read."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from zostudy.cli.batches import json_text
from zostudy.results.tables import Table, latex, markdown, plain, table_of


class Format(StrEnum):
    """How a verb prints its result."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


_WRITTEN = {Format.MARKDOWN: markdown, Format.LATEX: latex}


def show(
    records: Sequence[Mapping[str, Any]], format: Format = Format.TABLE, tables: Sequence[Table] | None = None
) -> None:
    """Prints a result on standard output.

    Args:
        records: the result for programs, flat mappings with equal keys; JSON and CSV print these.
        format: how to print it.
        tables: the result for people; without it, one table of the records, if there are any.
    """
    if format is Format.JSON:
        print(json_text(list(records)))
    elif format is Format.CSV:
        print(_csv(records), end="")
    else:
        _show_tables(_default_tables(records) if tables is None else tables, format)


def _default_tables(records: Sequence[Mapping[str, Any]]) -> list[Table]:
    return [table_of(records)] if records else []


def _show_tables(tables: Sequence[Table], format: Format) -> None:
    if format in _WRITTEN:
        print("\n\n".join(map(_WRITTEN[format], tables)))
    elif sys.stdout.isatty():
        for number, table in enumerate(tables):
            _print_rich(table, apart=number > 0)
    else:
        print(plain(*tables))


def _print_rich(table: Table, apart: bool) -> None:
    from rich import box
    from rich.console import Console
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
    for number, cells in enumerate(zip(table.columns, *table.rows, strict=True)):
        if number < table.text_columns:
            shown.add_column(Text(cells[0]), overflow="fold")
        else:  # a number is never broken: where there is no room, its interval stands below it
            longest = max((len(word) for cell in cells for word in cell.split()), default=0)
            shown.add_column(Text(cells[0]), justify="right", min_width=longest)
    for i, row in enumerate(table.rows):
        shown.add_row(*(Text(cell, "bold" if (i, j) in table.best else "") for j, cell in enumerate(row)))
    console = Console()
    if apart:
        console.print()
    console.print(shown, crop=False)
    for note in table.notes:
        console.print(Text(note))


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    if records:
        writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return text.getvalue()
