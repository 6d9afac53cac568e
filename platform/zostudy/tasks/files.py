"""Reads CSV, TSV, JSON and Parquet files. Nothing is guessed, and an error says where the mistake is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zostudy.errors import DataError, first_line_of
from zostudy.tasks.delimited import read_csv, read_tsv
from zostudy.tasks.json_rows import read_json
from zostudy.tasks.rows import RawRows

ANOTHER_FILE = "name a CSV, TSV, JSON or Parquet file"
"""The remedy for a path that leads to no texts."""


def read_rows(path: Path) -> RawRows:
    """Returns the rows of a CSV, TSV, JSON (array or lines) or Parquet file.

    Raises:
        DataError: for a missing file, an unknown extension, no rows, two columns of one name, or a file that is not
            what its extension says.
    """
    try:
        if not path.is_file():
            got = "it is a folder" if path.is_dir() else "there is no such file"
            raise DataError("must be a file of texts", got=got, remedy=ANOTHER_FILE, about=str(path))
        reader = _READERS.get(path.suffix.lower())
        if reader is None:
            remedy = f"use one of {', '.join(EXTENSIONS)}"
            raise DataError(f"unknown extension {path.suffix!r}", remedy=remedy, about=str(path))
        rows = reader(path)
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror or first_line_of(error)}") from None
    except RecursionError:
        raise _unreadable(path, "cannot be read: values are nested too deeply", "flatten them") from None
    doubled = [name for name, times in Counter(rows.table.column_names).items() if times > 1]
    if doubled:
        got = f"{doubled[0]!r} stands twice"
        raise DataError("columns must have different names", got=got, remedy="rename one", about=str(path))
    if not rows.table.num_rows:
        got = "it has only column names" if rows.table.column_names else "it is empty or has no columns"
        raise DataError("must hold rows", got=got, remedy=ANOTHER_FILE, about=str(path))
    return rows


def _read_parquet(path: Path) -> RawRows:
    """Returns the rows of one Parquet file. Folder names such as ``split=train`` add no columns."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return RawRows(file.read())
    except (pa.ArrowException, ValueError, TypeError, NotImplementedError) as error:
        raise _unreadable(path, f"cannot be read as Parquet: {first_line_of(error)}") from None


def _unreadable(path: Path, rule: str, remedy: str = "check the file") -> DataError:
    return DataError(rule, remedy=remedy, about=str(path))


_READERS: dict[str, Callable[[Path], RawRows]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".json": read_json,
    ".jsonl": read_json,
    ".parquet": _read_parquet,
}

EXTENSIONS = tuple(_READERS)
"""The extensions of files that can be read."""
