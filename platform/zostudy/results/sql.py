"""SQL over results: DuckDB reads the Parquet of one study or many, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import duckdb
import pyarrow as pa

from zostudy.errors import ResultsError
from zostudy.results.duckdb_connection import Limits, duckdb_connection, interruptible, too_large
from zostudy.results.measurements import table_folder
from zostudy.results.reading import check_read_once
from zostudy.results.schema import OLDER_NAMES, SCHEMAS, TABLES_BESIDE_TRIALS
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import ChangedError, check_files, check_rows, read_table, table_files
from zostudy.results.studies_table import STUDIES, read_studies
from zostudy.wording import comma_list, quoted, suggestion

if TYPE_CHECKING:
    import pyarrow.dataset as ds

TABLES: dict[str, pa.Schema] = {"studies": STUDIES, **SCHEMAS}
"""The tables that a statement can name."""

EXAMPLES: dict[str, str] = {
    "Mean test AUC of each method at each ratio": (
        "SELECT method, imbalance_ratio, round(avg(test_auc), 4) AS mean, round(stddev(test_auc), 4) AS spread, "
        "count(*) AS seeds FROM trials WHERE stage = 'confirm' GROUP BY ALL ORDER BY ALL"
    ),
    "The best configuration that the search found in each cell": (
        "SELECT cell, max(mean) AS best, arg_max(params, mean) AS params "
        "FROM (SELECT cell, avg(dev_auc) AS mean, any_value(params) AS params FROM trials WHERE stage = 'search' "
        "GROUP BY cell, number) GROUP BY cell ORDER BY cell"
    ),
    "How dev AUC rises with the queries spent": (
        "SELECT cell, queries, round(avg(dev_auc), 4) AS dev_auc, count(*) AS trials "
        "FROM history WHERE dev_auc IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ),
    "Recall of each class on test, from the scores": (
        "SELECT trial, label, avg((list_position(scores, list_max(scores)) = label + 1)::INT) AS recall "
        "FROM scores WHERE split = 'test' GROUP BY ALL ORDER BY ALL"
    ),
    "What failed, and in which study and model": (
        "SELECT study, studies.model, trial, error FROM trials JOIN studies USING (study) WHERE status = 'failed'"
    ),
}
"""Questions, each with its SQL."""

# Names repeat in every row. Read as dictionaries they are compared as numbers.
_NAMES = ("study", "cell", "trial")

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
_FAILURES = (duckdb.Error, OSError, ValueError, TypeError, OverflowError)

Files: TypeAlias = dict[tuple[str, str], list[str]]
"""The files to read, by table and storage."""

T = TypeVar("T")


def run_sql(
    storages: Sequence[Storage],
    statement: str,
    take: Callable[[duckdb.DuckDBPyConnection], T],
    limits: Limits | None = None,
) -> T:
    """Runs one ``SELECT`` and returns the result of ``take`` on its answer.

    The statement sees the tables of these studies and no file, network or setting. DuckDB keeps what does not fit
    into ``MOST_MEMORY`` in a temporary folder.

    Args:
        storages: of studies.
        statement: a ``SELECT`` in any of its forms, or an ``EXPLAIN`` of one.
        take: such as ``lambda answer: answer.df()``, or a function that fetches row by row. It is called again if
            files were merged while it read.
        limits: how far the statement may go.

    Raises:
        ResultsError: the statement is wrong, not a ``SELECT`` or goes too far; a table that it names is not whole, a
            file cannot be read, or two of the storages hold the same study.
    """
    _check_text(statement)
    check_read_once(storages)
    limits = limits or Limits()
    with duckdb_connection(limits) as connection:
        tables = _tables(connection, statement)
        files = _files(storages, tables)
        while True:
            try:
                _check_statement(connection, statement)
                return _answer(connection, storages, statement, files, tables, take, limits)
            except ChangedError:
                files = _files(storages, tables)
            except _FAILURES as error:
                if (large := too_large(error, limits)) is not None:
                    raise large from error
                before, files = files, _files(storages, tables)
                if all(set(before[key]) <= set(files[key]) for key in before):
                    _check_contents(storages, tables, error)
                    raise _refused(tables, error) from error
                # Else files were merged between their listing and their reading.


def _answer(
    connection: duckdb.DuckDBPyConnection,
    storages: Sequence[Storage],
    statement: str,
    files: Files,
    tables: Sequence[str],
    take: Callable[[duckdb.DuckDBPyConnection], T],
    limits: Limits,
) -> T:
    def ask() -> T:
        for table in tables:
            connection.register(table, rows := _rows(storages, table, files))
            if (older := OLDER_NAMES.get(table)) and _mentions(statement, older):
                connection.register(older, rows)
        return take(connection.execute(statement))

    return interruptible(connection, limits, ask)


def column_names(answer: duckdb.DuckDBPyConnection) -> list[str]:
    """Returns the names of an answer's columns, told apart as DuckDB's ``df()`` does: ``study``, ``study_1``."""
    names: list[str] = []
    taken: dict[str, int] = {}
    for column in answer.description or ():
        name = column[0]
        while name.lower() in taken:
            taken[column[0].lower()] += 1
            name = f"{column[0]}_{taken[column[0].lower()]}"
        taken[name.lower()] = 0
        names.append(name)
    return names


def _tables(connection: duckdb.DuckDBPyConnection, statement: str) -> list[str]:
    """Returns the tables that a statement reads, or where DuckDB cannot tell them, all whose names are in its text."""
    mentioned = [table for table in TABLES if _mentions(statement, table)]
    try:
        read = {name.lower() for name in connection.get_table_names(statement)}
    except _FAILURES:
        read = set()
    if _ASKS_FOR_TABLES.search(statement):
        return [*TABLES]
    return [table for table in mentioned if {table, OLDER_NAMES.get(table)} & read] if read else mentioned


def _mentions(statement: str, table: str) -> bool:
    return re.search(rf"\b({'|'.join({table, OLDER_NAMES.get(table, table)})})\b", statement, re.IGNORECASE) is not None


def _check_statement(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    kinds = _kinds(connection, statement)
    if kinds == ["EXPLAIN"]:
        explained = _EXPLAIN.match(statement)
        kinds = _kinds(connection, statement[explained.end() :]) if explained else kinds
    if kinds != ["SELECT"]:
        remedy = "results are only read, and one query is answered at a time"
        if "PIVOT" in statement.upper():
            remedy += "; a PIVOT has to name its values: PIVOT trials ON method IN ('spsa', 'zosa') USING avg(test_auc)"
        raise ResultsError("a query must be one SELECT", got=f"got {', '.join(kinds) or 'none'}", remedy=remedy)


def _check_text(statement: str) -> None:
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


def _files(storages: Sequence[Storage], tables: Sequence[str]) -> Files:
    stored = [table for table in tables if table in SCHEMAS]
    return {(table, str(storage)): table_files(storage, table) for table in stored for storage in storages}


def _rows(storages: Sequence[Storage], table: str, files: Files) -> pa.Table | ds.Dataset:
    if table == "studies":
        return read_studies(storages)
    if table not in TABLES_BESIDE_TRIALS:
        return pa.concat_tables(read_table(storage, table) for storage in storages)
    return _dataset(storages, table, files)


def _dataset(storages: Sequence[Storage], table: str, files: Files) -> ds.Dataset:
    """Returns a table with many rows a trial, which DuckDB reads bit by bit."""
    import pyarrow.dataset as ds  # imports pandas, a quarter of a second

    schema = pa.schema([_as_read(field) for field in SCHEMAS[table]])
    parts: list[ds.Dataset] = []
    paths: dict[str, tuple[Storage, list[str]]] = {}
    for storage in storages:
        names = files[table, str(storage)]
        check_files(storage, table, names)
        if not check_rows(storage, table, names):
            parts.append(ds.dataset(read_table(storage, table).cast(schema)))
        else:
            _, of_filesystem = paths.setdefault(f"{storage.scheme}?{storage.uri_query}", (storage, []))
            of_filesystem.extend(f"{table_folder(storage, table).path}/{name}" for name in names)
    reading = ds.ParquetFileFormat(
        dictionary_columns=[name for name in _NAMES if name in schema.names],
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True),
    )
    parts += [
        ds.FileSystemDataset.from_paths(found, schema=schema, format=reading, filesystem=storage.filesystem)
        for storage, found in paths.values()
    ]
    return parts[0] if len(parts) == 1 else ds.UnionDataset(schema, parts)


def _check_contents(storages: Sequence[Storage], tables: Sequence[str], error: Exception) -> None:
    """Names the damaged file, if DuckDB could not read one."""
    if isinstance(error, duckdb.InvalidInputException):
        for table in set(tables) & SCHEMAS.keys():
            for storage in storages:
                read_table(storage, table)


def _as_read(field: pa.Field) -> pa.Field:
    return field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.name in _NAMES else field


def _refused(tables: Sequence[str], error: Exception) -> ResultsError:
    """Returns the error of a refused statement. DuckDB knows only those of our tables that the statement names."""
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
