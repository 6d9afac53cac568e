"""``zostudy query``: SQL over results."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Any

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.noting import note_unfinished
from zostudy.results.tables import Table

DEFAULT = "results"


def query_command(
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL", help="One SELECT; without it, what can be asked.", show_default=False)
    ] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="A study's results, or a folder of such; also s3:// or gs://; may be repeated.",
            show_default=DEFAULT,
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TABLE,
) -> None:
    """Query results with SQL: the tables studies, trials, history, scores, landscape and precision."""
    if sql is None:
        _show_tables(format)
        return
    from zostudy.results.query import query
    from zostudy.results.reading import study_places

    columns, rows = query(study_places(results or [DEFAULT]), sql, _columns_and_rows)
    records = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
    show(records, format, None if records else [Table(columns, (), notes=("no rows",))])
    note_unfinished(results or [DEFAULT])


def _columns_and_rows(relation: Any) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    return tuple(relation.columns), relation.fetchall()


def _plain(value: Any) -> Any:
    """Returns a value as JSON knows it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _show_tables(format: Format) -> None:
    from zostudy.results.query import EXAMPLES, TABLES
    from zostudy.results.schema import meaning

    records = [
        {"table": name, "column": field.name, "type": str(field.type), "meaning": meaning(field)}
        for name, schema in TABLES.items()
        for field in schema
    ]
    if format in (Format.JSON, Format.CSV):
        show(records, format)
        return
    tables = [
        Table(
            ("column", "type", "meaning"),
            tuple((row["column"], row["type"], row["meaning"]) for row in records if row["table"] == name),
            title=name,
            text_columns=3,
        )
        for name in TABLES
    ]
    examples = tuple((title, f'zostudy query "{sql}"') for title, sql in EXAMPLES.items())
    show([], format, [*tables, Table(("question", "command"), examples, title="examples", text_columns=2)])
