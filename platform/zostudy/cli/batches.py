"""Large results printed as they come: CSV and JSON of rows in batches, so that no more than a batch is in memory."""

from __future__ import annotations

import csv
import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TextIO, TypeAlias

Batches: TypeAlias = Iterable[Sequence[Sequence[Any]]]
"""Rows, some at a time."""


def write_csv(columns: Sequence[str], batches: Batches, to: TextIO) -> None:
    """Writes the columns' names and the rows."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(columns)
    for rows in batches:
        writer.writerows(rows)


def write_json(columns: Sequence[str], batches: Batches, to: TextIO) -> None:
    """Writes an array of one object a row, as ``json.dumps`` with an indent of 2 does; the columns' names differ."""
    between = "[\n"
    for rows in batches:
        for row in rows:
            record = json_text(dict(zip(columns, row, strict=True)))
            to.write(between + textwrap.indent(record, "  "))
            between = ",\n"
    to.write("[]\n" if between == "[\n" else "\n]\n")


def json_text(value: Any) -> str:
    """Returns JSON on lines indented by 2; what cannot be printed is escaped as JSON knows it, which keeps the data."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def plain_rows(rows: Iterable[Iterable[Any]]) -> list[list[Any]]:
    """Returns rows with values as JSON knows them: NaN is null, and what JSON has no word for is text, as infinity is.

    A decimal is a number where a float holds it exactly, else a text of all its digits.
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
