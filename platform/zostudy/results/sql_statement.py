"""The text of an SQL statement: which tables it reads, whether it only reads, and why DuckDB refused it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from zostudy.errors import ResultsError
from zostudy.results.filesystems import short_reason
from zostudy.results.schema import OLDER_NAMES, SCHEMAS
from zostudy.results.studies_table import STUDIES
from zostudy.wording import comma_list, quoted, suggestion

TABLES: dict[str, pa.Schema] = {"studies": STUDIES, **SCHEMAS}
"""The tables that a statement can name."""

_ASKS_FOR_TABLES = re.compile(
    r"\b(SHOW|DESC|DESCRIBE|information_schema|sqlite_master|duckdb_\w+|pg_\w+)\b", re.IGNORECASE
)

# How DuckDB begins its message on a table or column that does not exist.
_NO_TABLE = re.compile(r"Table with name (.+) does not exist")
_NO_COLUMN = re.compile(r'Referenced column "(?P<name>.+?)" not found|does not have a column named "(?P<of_table>.+?)"')

_COMMENT = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_EXPLAIN = re.compile(
    rf"{_COMMENT}EXPLAIN\b{_COMMENT}(?:ANALYZE\b|\(\s*(?:ANALYZE|FORMAT)\b[^)]*\))?", re.IGNORECASE | re.DOTALL
)

# Raised by DuckDB and its Python package; the last three for values that Python cannot hold.
FAILURES = (duckdb.Error, OSError, ValueError, TypeError, OverflowError)


def tables_read(connection: duckdb.DuckDBPyConnection, statement: str) -> list[str]:
    """Returns the tables that a statement reads, or where DuckDB cannot tell them, all whose names are in its text."""
    mentioned = [table for table in TABLES if mentions(statement, table)]
    try:
        read = {name.lower() for name in connection.get_table_names(statement)}
    except FAILURES:
        read = set()
    if _ASKS_FOR_TABLES.search(statement):
        return [*TABLES]
    return [table for table in mentioned if {table, OLDER_NAMES.get(table)} & read] if read else mentioned


def mentions(statement: str, table: str) -> bool:
    """Returns whether a statement's text holds the name of a table, perhaps an older one."""
    return re.search(rf"\b({'|'.join({table, OLDER_NAMES.get(table, table)})})\b", statement, re.IGNORECASE) is not None


def check_statement(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Checks that a statement only reads.

    Raises:
        ResultsError: it is not one ``SELECT``, or an ``EXPLAIN`` of one.
        duckdb.Error: DuckDB cannot read it.
    """
    kinds = _kinds(connection, statement)
    if kinds == ["EXPLAIN"]:
        explained = _EXPLAIN.match(statement)
        kinds = _kinds(connection, statement[explained.end() :]) if explained else kinds
    if kinds != ["SELECT"]:
        remedy = "results are only read, and one query is answered at a time"
        if "PIVOT" in statement.upper():
            remedy += "; a PIVOT has to name its values: PIVOT trials ON method IN ('spsa', 'zosa') USING avg(test_auc)"
        raise ResultsError("a query must be one SELECT", got=f"got {', '.join(kinds) or 'none'}", remedy=remedy)


def check_text(statement: str) -> None:
    """Checks the characters of a statement.

    Raises:
        ResultsError: it is no text, or DuckDB cannot take one of them.
    """
    if not isinstance(statement, str):
        raise ResultsError("a query must be text", got=f"got {statement!r}", remedy="write SELECT ... FROM trials")
    for number, character in enumerate(statement, start=1):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            wrong = "a NUL" if character == "\0" else "a byte that is not UTF-8"
            raise ResultsError(
                "a query must be UTF-8 text", got=f"its character {number} is {wrong}", remedy="leave it out"
            )


def _kinds(connection: duckdb.DuckDBPyConnection, statement: str) -> list[str]:
    try:
        return [str(found.type).rpartition(".")[2] for found in connection.extract_statements(statement)]
    except ValueError:  # a kind that DuckDB's Python has no name for
        return [" ".join(statement.split()[:2])]


def refused(tables: Sequence[str], error: Exception) -> ResultsError:
    """Returns the error of a refused statement. DuckDB knows only those of our tables that the statement names."""
    if isinstance(error, OSError):
        return ResultsError(
            "a query must read the results and write its answer",
            got=f"it cannot ({short_reason(error)})",
            remedy="free the space or permit it, or set TMPDIR to a folder with room",
        )
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if unknown := _NO_TABLE.search(reason):
        rule, where, known = "a query must name tables of the results", "", list(TABLES)
        otherwise = f"the tables are {', '.join(TABLES)}"
    elif unknown := _NO_COLUMN.search(reason):
        rule, where = "a query must name columns of its tables", f" in {comma_list(tables)}" if tables else ""
        known = [column for table in tables for column in TABLES[table].names]
        otherwise = "zostudy query without SQL lists the columns"
    else:
        return ResultsError(f"the query failed: {reason.rstrip('!')}", remedy="mend the statement")
    name = unknown[unknown.lastindex or 1]
    return ResultsError(rule, got=f"there is no {quoted(name)}{where}", remedy=suggestion(name, known, otherwise))
