"""SQL over results: DuckDB reads the Parquet of one study or many, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import duckdb
import pyarrow as pa

from zostudy.results.duckdb_connection import Limits, duckdb_connection, interruptible, too_large
from zostudy.results.finished_trials import FinishedTrials
from zostudy.results.measurements import table_folder
from zostudy.results.parquet import PARQUET
from zostudy.results.reading import check_read_once, each_study
from zostudy.results.schema import OLDER_NAMES, SCHEMAS, TABLES_BESIDE_TRIALS, empty_table
from zostudy.results.sql_statement import FAILURES, check_statement, check_text, mentions, refused, tables_read
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import (
    ChangedError,
    check_files,
    check_rows,
    checked_trials,
    read_table,
    table_files,
)
from zostudy.results.studies_table import read_studies

if TYPE_CHECKING:
    import pyarrow.dataset as ds

EXAMPLES: dict[str, str] = {
    "Mean test AUC of each method at each ratio": (
        "SELECT method, imbalance_ratio, round(avg(test_auc), 4) AS mean, round(stddev(test_auc), 4) AS spread, "
        "count(*) AS seeds FROM trials WHERE stage = 'confirm' GROUP BY ALL ORDER BY ALL"
    ),
    "The best configuration that the search found in each cell": (
        "SELECT study, cell, arg_max(mean, rank) AS best, arg_max(params, rank) AS params "
        "FROM (SELECT study, cell, avg(dev_auc) AS mean, any_value(params) AS params, "
        "(count(*), avg(dev_auc), -number) AS rank FROM trials WHERE stage = 'search' AND status != 'pruned' "
        "GROUP BY study, cell, number HAVING bool_and(status = 'complete')) GROUP BY ALL ORDER BY study, cell"
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

Files: TypeAlias = dict[tuple[str, str], list[str]]
"""The files to read, by table and storage."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Stored:
    """The finished trials of each storage, and the files of the tables that a statement reads."""

    finished: dict[str, FinishedTrials]
    files: Files


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
            files were merged or replaced while it read.
        limits: how far the statement may go.

    Raises:
        ResultsError: the statement is wrong, not a ``SELECT`` or goes too far; a table that it names is not whole, a
            file cannot be read, or two of the storages hold the same study.
    """
    check_text(statement)
    limits = limits or Limits()
    with duckdb_connection(limits) as connection:
        tables = tables_read(connection, statement)
        stored = _stored(storages, tables)
        while True:
            try:
                check_statement(connection, statement)
                return _answer(connection, storages, statement, stored, tables, take, limits)
            except ChangedError:
                stored = _stored(storages, tables)
            except FAILURES as error:
                if (large := too_large(error, limits)) is not None:
                    raise large from error
                before, stored = stored.files, _stored(storages, tables)
                if all(set(before[key]) <= set(stored.files[key]) for key in before):
                    _check_contents(storages, tables, error)
                    raise refused(tables, error) from error
                # Else files were merged between their listing and their reading.


def _answer(
    connection: duckdb.DuckDBPyConnection,
    storages: Sequence[Storage],
    statement: str,
    stored: _Stored,
    tables: Sequence[str],
    take: Callable[[duckdb.DuckDBPyConnection], T],
    limits: Limits,
) -> T:
    def ask() -> T:
        for table in tables:
            connection.register(table, rows := _rows(storages, table, stored))
            if (older := OLDER_NAMES.get(table)) and mentions(statement, older):
                connection.register(older, rows)
        return take(connection.execute(statement))

    written = _write_times(storages, stored.files)
    answer = interruptible(connection, limits, ask)
    if _write_times(storages, stored.files) != written:
        raise ChangedError  # a merged file may have been replaced by one that holds other trials, too
    return answer


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


def _stored(storages: Sequence[Storage], tables: Sequence[str]) -> _Stored:
    """Returns what there is to read. Trials come first: rows of one that ends later are then seen to be too many."""
    finished = each_study(storages, checked_trials)
    check_read_once(storages, [[(row["study"], trial) for trial, row in each.trials.items()] for each in finished])
    known = [table for table in tables if table in SCHEMAS]
    files = {(table, str(storage)): table_files(storage, table) for table in known for storage in storages}
    return _Stored({str(storage): each for storage, each in zip(storages, finished, strict=True)}, files)


def _write_times(storages: Sequence[Storage], files: Files) -> list[datetime | None]:
    """Returns when each file that DuckDB reads was written, None where it is gone."""
    times: list[datetime | None] = []
    for storage in storages:
        for table in TABLES_BESIDE_TRIALS:
            if names := files.get((table, str(storage))):
                there = (storage / table).write_times(PARQUET)
                times += map(there.get, names)
    return times


def _rows(storages: Sequence[Storage], table: str, stored: _Stored) -> pa.Table | ds.Dataset:
    if table == "studies":
        return read_studies(storages)
    if table not in TABLES_BESIDE_TRIALS:
        return pa.concat_tables([empty_table(SCHEMAS[table]), *(read_table(storage, table) for storage in storages)])
    return _dataset(storages, table, stored)


def _dataset(storages: Sequence[Storage], table: str, stored: _Stored) -> ds.Dataset:
    """Returns a table with many rows a trial, which DuckDB reads bit by bit."""
    import pyarrow.dataset as ds  # imports pandas, a quarter of a second

    schema = pa.schema([_as_read(field) for field in SCHEMAS[table]])
    parts: list[ds.Dataset] = []
    paths: dict[str, tuple[Storage, list[str]]] = {}
    for storage in storages:
        names = stored.files[table, str(storage)]
        check_files(storage, table, names)
        if not check_rows(storage, table, names, stored.finished[str(storage)]):
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
