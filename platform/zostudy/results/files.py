"""The Parquet files of a study's tables; one clear line for a file that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from zostudy.errors import ResultsError
from zostudy.results.schema import OLDER_SCHEMAS, SCHEMA_VERSION, SCHEMAS, VERSION_KEY
from zostudy.results.storage import Storage, Where

PARQUET = ".parquet"

MERGED = "merged.parquet"
"""All trials of a study that has ended; a trial's own file counts before it."""

TABLES_OF_A_TRIAL = ("landscape", "scores", "history", "trials")
"""Tables with a file for each trial, in the order of writing: what makes a trial count comes last."""

_BESIDE_TRIALS = TABLES_OF_A_TRIAL[:-1]

# Whoever reads while files are merged sees some vanish, and lists them again; merging takes seconds at most.
MOST_LISTINGS = 100

# An object store answers after some milliseconds, but many at a time.
OBJECTS_AT_ONCE = 16

# What a damaged file gives; the last of a text in its footer.
_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)

# Enough to read quickly at a stretch, and few enough that a reader holds little at a time.
ROWS_OF_A_GROUP = 1 << 17

T = TypeVar("T")


def write_table(table: pa.Table, folder: Storage, name: str) -> None:
    """Writes a table as a whole file, with a checksum of each page.

    Raises:
        ResultsError: the file cannot be written.
    """
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", row_group_size=ROWS_OF_A_GROUP, write_page_checksum=True)
    folder.write(name, buffer.getvalue())


def read_table(where: Where, table: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Returns every row of one table of a study, in the order of the trials' names; also while a study runs.

    A file may hold one trial or many. What an unfinished trial has stored so far is left out.

    Args:
        where: the study's place.
        table: such as ``trials``.
        columns: of the table; None for all of them.

    Raises:
        ResultsError: a file cannot be read, is not of this table, or was written by a newer zostudy.
    """
    place, names = Storage.at(where), list(columns or SCHEMAS[table].names)
    for _ in range(MOST_LISTINGS):
        try:
            return _read_files(place / table, table_files(place, table), table, names)
        except FileNotFoundError:
            continue
    raise ResultsError(f"results must stay while they are read, but files of {place / table} vanish; read them again")


def table_files(place: Storage, table: str) -> list[str]:
    """Returns the names of the files of a table that count: those of a finished trial have one in ``trials``, too.

    Raises:
        ResultsError: one that does not count is none of an unfinished trial either, as ``check_files`` says.
    """
    if table not in _BESIDE_TRIALS:
        return (place / table).files(PARQUET)
    trials = place / "trials"
    for _ in range(MOST_LISTINGS):
        finished = set(trials.files(PARQUET))
        found = (place / table).files(PARQUET)
        if finished <= set(trials.files(PARQUET)):  # else they were merged in between
            _check_left_out(place, table, [name for name in found if name not in finished])
            return [name for name in found if name in finished]
    raise ResultsError(f"results must stay while they are read, but files of {trials} vanish; read them again")


def check_files(place: Storage, table: str, names: list[str]) -> None:
    """Checks that files are of this table and whole as far as their footers say, which is quick.

    Raises:
        ResultsError: one cannot be read, is not of this table, or was written by a newer zostudy.
        FileNotFoundError: one is no longer there.
    """
    folder = place / table
    _for_each(folder, names, lambda name: _read_file(folder, name, table, []))


def _check_left_out(place: Storage, table: str, names: list[str]) -> None:
    for name in names:
        with suppress(FileNotFoundError):  # what is merged vanishes
            check_files(place, table, [name])


def torn_files(folder: Storage, table: str) -> dict[str, str]:
    """Returns the names of the files that are damaged, as a crash or a disk may leave them, each with the reason.

    Every page is read. Those that an older zostudy wrote have no checksums: whole is what of them can be decoded.

    Raises:
        ResultsError: a file is whole, but of something else or of a newer zostudy.
    """

    def fault(name: str) -> str | None:
        try:
            with _opened(folder, name) as file:
                _check_schema(folder, name, file.schema_arrow, table)
                for group in range(file.num_row_groups):
                    file.read_row_group(group, use_threads=False)
        except _DAMAGE as error:
            return " ".join(str(error).split())
        return None

    names = folder.files(PARQUET)
    faults = zip(names, _for_each(folder, names, fault), strict=True)
    return {name: reason for name, reason in faults if reason is not None}


def files_with_values(folder: Storage, names: list[str], column: str) -> list[str]:
    """Returns those of some whole files in which a column has any value but null."""

    def has_values(name: str) -> bool:
        with _opened(folder, name) as file:
            values = file.read([column], use_threads=False)[column]
        return bool(values.null_count < len(values))

    return [name for name, found in zip(names, _for_each(folder, names, has_values), strict=True) if found]


def _for_each(folder: Storage, names: list[str], call: Callable[[str], T]) -> list[T]:
    if folder.folder:
        return [call(name) for name in names]
    with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
        return list(pool.map(call, names))


def _read_files(folder: Storage, files: list[str], table: str, columns: list[str]) -> pa.Table:
    own = [name for name in files if name != MERGED]
    if MERGED not in files or not own:
        parts = _for_each(folder, files, lambda name: _read_file(folder, name, table, columns))
        return pa.concat_tables([_schema(table, columns).empty_table(), *parts])
    with_trial = list(dict.fromkeys([*columns, "trial"]))
    parts = _for_each(folder, own, lambda name: _read_file(folder, name, table, with_trial))
    again = pa.array({name.removesuffix(PARQUET) for name in own}.union(*(part["trial"].to_pylist() for part in parts)))
    merged = _read_file(folder, MERGED, table, with_trial)
    rows = pa.concat_tables([merged.filter(pc.invert(pc.is_in(merged["trial"], value_set=again))), *parts])
    return rows.take(pc.sort_indices(rows["trial"])).select(columns)


def _read_file(folder: Storage, name: str, table: str, columns: list[str]) -> pa.Table:
    try:
        with _opened(folder, name) as file:
            schema = file.schema_arrow  # made anew each time that it is asked for
            _check_schema(folder, name, schema, table)
            there = [column for column in columns if column in schema.names]
            rows = file.read(there, use_threads=False).replace_schema_metadata(SCHEMAS[table].metadata)
            return rows if there == columns else _with_nulls(rows, file.metadata.num_rows, table, columns)
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        raise ResultsError(
            f"results must be whole Parquet files, but {folder / name} cannot be read ({reason}); "
            "run the study again, which sets it aside and redoes what it held"
        ) from error


def _with_nulls(rows: pa.Table, n_rows: int, table: str, columns: list[str]) -> pa.Table:
    """Returns the rows of a file of an earlier version with all the columns that were asked for."""
    schema = _schema(table, columns)
    arrays = [rows[field.name] if field.name in rows.column_names else pa.nulls(n_rows, field.type) for field in schema]
    return pa.table(arrays, schema=schema)


def _schema(table: str, columns: list[str]) -> pa.Schema:
    return pa.schema([SCHEMAS[table].field(name) for name in columns], SCHEMAS[table].metadata)


@contextmanager
def _opened(folder: Storage, name: str) -> Iterator[pq.ParquetFile]:
    # An object store is asked for all columns at once.
    with (
        folder.open(name) as source,
        pq.ParquetFile(source, pre_buffer=not folder.folder, page_checksum_verification=True) as file,
    ):
        yield file


def _check_schema(folder: Storage, name: str, schema: pa.Schema, table: str) -> None:
    version = (schema.metadata or {}).get(VERSION_KEY, b"").decode()
    if version.isdigit() and int(version) > SCHEMA_VERSION:
        raise ResultsError(
            f"results must be of schema version {SCHEMA_VERSION} or older, but {folder / name} has {version}; "
            "read it with a newer zostudy"
        )
    if not version or not any(schema.equals(known) for known in (SCHEMAS[table], *OLDER_SCHEMAS.get(table, ()))):
        raise ResultsError(
            f"a folder of {table} must hold nothing but what zostudy wrote, but {folder / name} is something else; "
            "move it away"
        )
