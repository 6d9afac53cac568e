"""What a verb prints: a table for people, plain text in a pipe, JSON, CSV or Markdown for other programs."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Format(StrEnum):
    """How a verb prints its result."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


@dataclass(frozen=True)
class Table:
    """A table for people.

    Attributes:
        columns: the headings.
        rows: one text a heading.
        title: a line above, or "".
        notes: lines below.
        text_columns: how many columns from the left hold words; the rest hold numbers and stand to the right.
        best: places (row, column), counted from 0, that stand out.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    text_columns: int = 1
    best: frozenset[tuple[int, int]] = frozenset()


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
        print(json.dumps(list(records), indent=2, ensure_ascii=False))
    elif format is Format.CSV:
        print(_csv(records), end="")
    else:
        _show_tables(_default_tables(records) if tables is None else tables, format)


def table_of(records: Sequence[Mapping[str, Any]]) -> Table:
    """Returns records, at least one, as a table of words, one row a record."""
    columns = tuple(records[0])
    rows = tuple(tuple(_text(record[name]) for name in columns) for record in records)
    return Table(columns, rows, text_columns=len(columns))


def plain(table: Table) -> str:
    """Returns a table as aligned text, never cut, with a star before what stands out."""
    rows = _marked(table, "*", "")
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    body = [_aligned(row, widths, table.text_columns) for row in (table.columns, *rows)]
    return "\n".join(line for line in (table.title, *body, *table.notes) if line)


def markdown(table: Table) -> str:
    """Returns a table in GitHub's Markdown, with what stands out in bold."""
    marks = ["---" if column < table.text_columns else "---:" for column in range(len(table.columns))]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in _marked(table, "**", "**")]
    body = [f"| {' | '.join(row)} |" for row in (table.columns, marks, *escaped)]
    return "\n\n".join(part for part in (table.title, "\n".join(body), *table.notes) if part)


def _default_tables(records: Sequence[Mapping[str, Any]]) -> list[Table]:
    return [table_of(records)] if records else []


def _show_tables(tables: Sequence[Table], format: Format) -> None:
    if format is Format.MARKDOWN:
        print("\n\n".join(markdown(table) for table in tables))
    elif sys.stdout.isatty():
        for table in tables:
            _print_rich(table)
    else:
        print("\n\n".join(plain(table) for table in tables))


def _print_rich(table: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(title=Text(table.title), title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        justify = "left" if number < table.text_columns else "right"
        shown.add_column(Text(column), justify=justify, overflow="fold")  # type: ignore[arg-type]
    for i, row in enumerate(table.rows):
        shown.add_row(*(Text(cell, "bold" if (i, j) in table.best else "") for j, cell in enumerate(row)))
    console = Console()
    console.print(shown)
    for note in table.notes:
        console.print(Text(note))


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    if records:
        writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return text.getvalue()


def _marked(table: Table, before: str, after: str) -> list[tuple[str, ...]]:
    return [
        tuple(f"{before}{cell}{after}" if (i, j) in table.best else cell for j, cell in enumerate(row))
        for i, row in enumerate(table.rows)
    ]


def _aligned(row: Sequence[str], widths: Sequence[int], text_columns: int) -> str:
    cells = [
        cell.ljust(width) if column < text_columns else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return " ".join(text.splitlines())
