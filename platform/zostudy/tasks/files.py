"""Files of rows, read without guessing; every mistake in them is one line that says where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zostudy.errors import DataError
from zostudy.tasks.json_rows import read_json
from zostudy.tasks.rows import Rows
from zostudy.tasks.separated import read_csv, read_tsv


def read_rows(path: Path) -> Rows:
    """Returns the rows of a CSV, TSV, JSON (array or lines) or Parquet file.

    Raises:
        DataError: for a missing file, an unknown extension, two columns of one name, or a file that is not what its
            extension says.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: unknown extension {path.suffix!r}; use one of {', '.join(_READERS)}")
    try:
        if not path.is_file():
            fault = "is no file, but a folder" if path.is_dir() else "no such file"
            raise DataError(f"{path}: {fault}; check task.file, whose relative paths start at the study's folder")
        rows = reader(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or _first_line(error)}; check the file") from None
    except RecursionError:
        raise DataError(f"{path}: cannot be read: values are nested too deeply; flatten them") from None
    doubled = [name for name, times in Counter(rows.table.column_names).items() if times > 1]
    if doubled:
        raise DataError(f"{path}: columns must have different names, but {doubled[0]!r} stands twice; rename one")
    return rows


def _read_parquet(path: Path) -> Rows:
    """Returns the rows of one Parquet file; the folders it lies in say nothing, such as ``split=train``."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return Rows(file.read())
    except (pa.ArrowException, ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {_first_line(error)}; check the file") from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


_READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".json": read_json,
    ".jsonl": read_json,
    ".parquet": _read_parquet,
}
