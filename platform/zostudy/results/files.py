"""Whole Parquet files in, whole Parquet files out; one clear line for a file that is not ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from zostudy.errors import ResultsError
from zostudy.results.schema import SCHEMA_VERSION, SCHEMAS, VERSION_KEY

_UNFINISHED = ".unfinished"


def write_table(table: pa.Table, path: Path) -> None:
    """Writes a table so that ``path`` is either absent, what it was, or whole, whenever the machine stops.

    Raises:
        ResultsError: the file cannot be written.
    """
    write_whole(path, lambda file: pq.write_table(table, file, compression="zstd"))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file under another name in the same folder, brings it to disk, and only then renames it.

    Raises:
        ResultsError: the file cannot be written.
    """
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        with open(unfinished, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ResultsError(
            f"results must be writable, but {path} is not ({error.strerror or error}); "
            "free the space or permit it, or give another folder with --results"
        ) from error


def remove_unfinished(folder: Path) -> None:
    """Removes what a writer that was stopped left half written in a folder."""
    for path in folder.glob(f"*{_UNFINISHED}"):
        path.unlink(missing_ok=True)


def read_table(folder: Path, table: str) -> pa.Table:
    """Returns every row of one table of a study folder, in the order of the file names.

    A file may hold one trial or many.

    Raises:
        ResultsError: a file cannot be read, is not of this table, or was written by a newer zostudy.
    """
    parts = [_read_file(path, table) for path in sorted((folder / table).glob("*.parquet"))]
    return pa.concat_tables([SCHEMAS[table].empty_table(), *parts])


def _read_file(path: Path, table: str) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            _check_schema(path, file.schema_arrow, table)
            return file.read(use_threads=False).replace_schema_metadata(SCHEMAS[table].metadata)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise ResultsError(
            f"results must be whole Parquet files, but {path} cannot be read ({reason}); "
            "move it away and run the study again to redo that trial"
        ) from error


def _check_schema(path: Path, schema: pa.Schema, table: str) -> None:
    version = (schema.metadata or {}).get(VERSION_KEY, b"").decode()
    if version.isdigit() and int(version) > SCHEMA_VERSION:
        raise ResultsError(
            f"results must be of schema version {SCHEMA_VERSION} or older, but {path} has {version}; "
            "read it with a newer zostudy"
        )
    if not version or not schema.equals(SCHEMAS[table]):
        raise ResultsError(
            f"a folder of {table} must hold nothing but what zostudy wrote, but {path} is something else; move it away"
        )


def _sync_folder(folder: Path) -> None:
    """Brings a rename to disk, so that files survive a power cut in the order in which they were written."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
