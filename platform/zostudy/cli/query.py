"""``zostudy query``: SQL over results."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zostudy.cli.formats import DATA_FORMATS, Format, RowBatches, plain_rows, show, write_batches
from zostudy.cli.parameters import RESULTS_SHOWN, FormatOption, given_results
from zostudy.console.log import log_notes
from zostudy.console.process_setup import interrupt_on_termination
from zostudy.console.progress import progress
from zostudy.errors import ResultsError
from zostudy.printing import print_text
from zostudy.results.table_formats import Table, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from zostudy.results.duckdb_connection import Limits
    from zostudy.results.storage import Storage

_log = logging.getLogger(__name__)

ROWS_AT_ONCE = 4096
MOST_SECONDS = 10_000_000
LARGEST_IN_MEMORY = 1 << 24  # bytes
PLAN = ["explain_key", "explain_value"]  # DuckDB's columns of an EXPLAIN


def query_command(
    statement: Annotated[
        list[str] | None, typer.Argument(metavar="SQL", help="One SELECT. Default: list all columns.")
    ] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="A study's results folder, or a folder of these; also s3:// or gs://; may be repeated.",
            show_default=RESULTS_SHOWN,
        ),
    ] = None,
    format: FormatOption = Format.TABLE,
    spill_limit: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="The most disk space for data that does not fit in memory, such as 20GiB.",
            show_default="10 GiB, or half of the free space",
        ),
    ] = None,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="Stop the query after this time.")] = None,
) -> None:
    """Query results with SQL: the tables studies, trials, history, scores, landscape, noise_floor and agreement."""
    if not statement:
        _show_tables(format)
        return
    sql = _sql(statement)
    from zostudy.results.duckdb_connection import Limits, parse_size
    from zostudy.results.lost_rows import study_notes
    from zostudy.results.reading import find_studies

    limits = Limits(parse_size(spill_limit), _seconds(timeout))
    with progress("reading the results"):
        storages = find_studies(given_results(results))
        notes = study_notes(storages)  # raises an error for a broken study file, so it comes before the answer
    interrupt_on_termination()
    try:
        _print_answer(storages, sql, format, limits)
    except KeyboardInterrupt:
        _log.info("interrupted")
        raise
    log_notes(notes)


def _print_answer(storages: Sequence[Storage], sql: str, format: Format, limits: Limits) -> None:
    from zostudy.results.sql import run_sql

    if format in DATA_FORMATS:
        # The answer is printed whole or not at all: a query may fail at its last row, and run_sql repeats a query whose
        # files were merged meanwhile.
        with tempfile.SpooledTemporaryFile(LARGEST_IN_MEMORY, "w+", encoding="utf-8", newline="") as file:
            with progress("running the query"):
                run_sql(storages, sql, lambda answer: _write(answer, format, file), limits)
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout)
    else:
        with progress("running the query"):
            answer = run_sql(storages, sql, _answer, limits)
        if isinstance(answer, str):
            print_text(f"{answer}\n")
        else:
            show([], format, [answer])


def _sql(given: list[str]) -> str:
    """Returns the statement; refuses several arguments and folders, which belong to ``--results``."""
    folders = [each for each in given if each.strip() and os.path.isdir(each)]
    if len(given) > 1 or folders:
        got = f"got the folder {folders[0]}" if folders else f"got {len(given)} arguments"
        remedy = f'write zostudy query "SELECT ..." --results {shlex.quote(folders[0]) if folders else "DIR"}'
        raise ResultsError(
            "takes one SQL statement, in quotes, and nothing else", got=got, remedy=remedy, about="query"
        )
    return given[0]


def _seconds(timeout: float | None) -> float | None:
    if timeout is not None and not 0 < timeout < MOST_SECONDS:
        rule = f"must be above 0 and below {MOST_SECONDS:,} seconds"
        raise ResultsError(rule, got=f"it is {timeout:g}", remedy="change it", about="--timeout")
    return timeout


def _write(answer: duckdb.DuckDBPyConnection, format: Format, file: Any) -> None:
    from zostudy.results.sql import column_names

    file.seek(0)
    file.truncate()
    write_batches(format, column_names(answer), _batches(answer), file)


def _answer(answer: duckdb.DuckDBPyConnection) -> Table | str:
    """Returns an answer as a table; the plan of an ``EXPLAIN`` as DuckDB's text."""
    from zostudy.results.sql import column_names

    columns = column_names(answer)
    rows = [row for batch in _batches(answer) for row in batch]
    if columns == PLAN:
        return "\n".join(plan.rstrip("\n") for _, plan in rows)
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    return table_of(records) if records else Table(tuple(columns), (), notes=("no rows",))


def _batches(answer: duckdb.DuckDBPyConnection) -> RowBatches:
    return map(plain_rows, iter(lambda: answer.fetchmany(ROWS_AT_ONCE), []))


def _show_tables(format: Format) -> None:
    from zostudy.results.schema import meaning
    from zostudy.results.sql import EXAMPLES
    from zostudy.results.sql_statement import TABLES

    records = [
        {"table": name, "column": field.name, "type": str(field.type), "meaning": meaning(field)}
        for name, schema in TABLES.items()
        for field in schema
    ]
    if format in DATA_FORMATS:
        show(records, format)
        return
    heading = "### " if format is Format.MARKDOWN else ""
    tables = [
        Table(
            ("column", "type", "meaning"),
            tuple((row["column"], row["type"], row["meaning"]) for row in records if row["table"] == name),
            title=f"{heading}{name}",
            text_columns=3,
        )
        for name in TABLES
    ]
    examples = tuple((title, f'zostudy query "{sql}"') for title, sql in EXAMPLES.items())
    show([], format, [*tables, Table(("question", "command"), examples, title=f"{heading}examples", text_columns=2)])
