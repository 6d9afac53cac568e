"""The Parquet files of a study's tables; one clear line for a file that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from zostudy.errors import ResultsError
from zostudy.results.schema import SCHEMA_VERSION, SCHEMAS, VERSION_KEY
from zostudy.results.storage import Storage, Where

PARQUET = ".parquet"

# An object store answers after some milliseconds, but many at a time.
OBJECTS_AT_ONCE = 16

T = TypeVar("T")


def write_table(table: pa.Table, folder: Storage, name: str) -> None:
    """Writes a table as a whole file.

    Raises:
        ResultsError: the file cannot be written.
    """
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    folder.write(name, buffer.getvalue())


def read_table(where: Where, table: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Returns every row of one table of a study, in the order of the file names.

    A file may hold one trial or many.

    Args:
        where: the study's place.
        table: such as ``trials``.
        columns: of the table; None for all of them.

    Raises:
        ResultsError: a file cannot be read, is not of this table, or was written by a newer zostudy.
    """
    folder, names = Storage.at(where) / table, list(columns or SCHEMAS[table].names)
    parts = _for_each(folder, folder.files(PARQUET), lambda name: _read_file(folder, name, table, names))
    return pa.concat_tables([SCHEMAS[table].empty_table().select(names), *parts])


def torn_files(folder: Storage, table: str) -> dict[str, str]:
    """Returns the names of the files that are no whole Parquet files, as a crash may leave them, each with the reason.

    Raises:
        ResultsError: a file is whole, but of something else or of a newer zostudy.
    """

    def fault(name: str) -> str | None:
        try:
            with folder.open(name) as source, pq.ParquetFile(source) as file:
                _check_schema(folder, name, file.schema_arrow, table)
        except (pa.ArrowException, OSError) as error:
            return " ".join(str(error).split())
        return None

    names = folder.files(PARQUET)
    faults = zip(names, _for_each(folder, names, fault), strict=True)
    return {name: reason for name, reason in faults if reason is not None}


def _for_each(folder: Storage, names: list[str], call: Callable[[str], T]) -> list[T]:
    if folder.folder:
        return [call(name) for name in names]
    with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
        return list(pool.map(call, names))


def _read_file(folder: Storage, name: str, table: str, columns: list[str]) -> pa.Table:
    try:
        with folder.open(name) as source, pq.ParquetFile(source) as file:
            _check_schema(folder, name, file.schema_arrow, table)
            return file.read(columns, use_threads=False).replace_schema_metadata(SCHEMAS[table].metadata)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise ResultsError(
            f"results must be whole Parquet files, but {folder / name} cannot be read ({reason}); "
            "run the study again, which sets it aside and redoes that trial"
        ) from error


def _check_schema(folder: Storage, name: str, schema: pa.Schema, table: str) -> None:
    version = (schema.metadata or {}).get(VERSION_KEY, b"").decode()
    if version.isdigit() and int(version) > SCHEMA_VERSION:
        raise ResultsError(
            f"results must be of schema version {SCHEMA_VERSION} or older, but {folder / name} has {version}; "
            "read it with a newer zostudy"
        )
    if not version or not schema.equals(SCHEMAS[table]):
        raise ResultsError(
            f"a folder of {table} must hold nothing but what zostudy wrote, but {folder / name} is something else; "
            "move it away"
        )
