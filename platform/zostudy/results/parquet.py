"""One Parquet file of a table. It is written whole, with checksums, and read only if it is unchanged.

A function that reads raises ``FileNotFoundError`` where the file is not there, and ``ResultsError`` where it cannot be
read, is of another table, or has changed since it was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from zostudy.errors import ResultsError
from zostudy.results.filesystems import short_reason
from zostudy.results.row_digests import DIGESTED, digest_rows, total
from zostudy.results.schema import SCHEMA_VERSION, SCHEMAS, VERSION_KEY, is_known
from zostudy.results.seals import seal
from zostudy.results.storage import Storage
from zostudy.wording import one_line

PARQUET = ".parquet"

# Large enough for quick reading, small enough to need little memory.
ROWS_OF_A_GROUP = 1 << 17

_ROWS_KEY = b"zostudy_rows"
_DIGEST_KEY = b"zostudy_digest"
_SET_ASIDE_KEY = b"zostudy_set_aside"
_SEALS_KEY = b"zostudy_seals"

# Errors that a damaged file raises. The last two come from a text in its footer.
_DAMAGE = (pa.ArrowException, OSError, ValueError, TypeError)


@dataclass(frozen=True)
class Footer:
    """The footer of a file.

    Attributes:
        rows: the number of rows.
        digest: of its rows as written, summed over its trials; None for a table or version without digests.
        set_aside: names of trials that were taken out of a file of ``trials`` and are to run again.
        seals: of the files of other tables that belong to a file of ``trials``, by table.
    """

    rows: int
    digest: str | None
    set_aside: frozenset[str]
    seals: Mapping[str, str]


def write_table(
    table: pa.Table,
    folder: Storage,
    name: str,
    set_aside: Iterable[str] = (),
    seals: Mapping[str, str] | None = None,
) -> str:
    """Writes a table as a whole file, with a checksum of each page. Its footer has the number and digest of its rows.

    Returns the file's seal.

    Args:
        table: what to write.
        folder: where; it is called as the table.
        name: of the file.
        set_aside: as of ``Footer``.
        seals: as of ``Footer``.

    Raises:
        ResultsError: the file cannot be written.
    """
    notes = {_ROWS_KEY: str(table.num_rows).encode()}
    if folder.name in DIGESTED:
        notes[_DIGEST_KEY] = total(digest_rows([table], folder.name).values()).digest.encode()
    if names := sorted(set_aside):
        notes[_SET_ASIDE_KEY] = json.dumps(names).encode()
    if seals:
        notes[_SEALS_KEY] = json.dumps(seals).encode()
    noted = table.replace_schema_metadata({**(table.schema.metadata or {}), **notes})
    buffer = pa.BufferOutputStream()
    pq.write_table(noted, buffer, compression="zstd", row_group_size=ROWS_OF_A_GROUP, write_page_checksum=True)
    content = buffer.getvalue()
    folder.write(name, content)
    return seal(pa.BufferReader(content))


def read_file(folder: Storage, name: str, table: str, columns: Sequence[str]) -> tuple[pa.Table, Footer]:
    """Returns some columns of a file, and its footer. A column that its version did not have is null."""
    with _opened(folder, name, table) as (file, schema):
        footer, known = _footer(folder, name, file, schema), set(schema.names)
        there = [column for column in columns if column in known]
        rows = file.read(there, use_threads=False).replace_schema_metadata(SCHEMAS[table].metadata)
        whole = there == [*columns]
        return rows if whole else _with_nulls(rows, footer.rows, table, columns), footer


def read_batches(folder: Storage, name: str, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yields some columns of a file in batches of rows. Names of trials are dictionary-encoded."""
    with _opened(folder, name, table, dictionaries=["trial"]) as (file, _):
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, [*columns], use_threads=False)


def read_footer(folder: Storage, name: str, table: str) -> Footer:
    """Returns the footer of a file, which is quick."""
    with _opened(folder, name, table) as (file, schema):
        return _footer(folder, name, file, schema)


def fault_of(folder: Storage, name: str, table: str) -> str | None:
    """Returns why a file is damaged, or None. Every page is read.

    Files of older versions may have no checksums. They count as whole if they can be decoded.

    Raises:
        ResultsError: the file is whole but of another kind or of a newer zostudy, or reading is not permitted.
    """
    try:
        with _open(folder, name) as file:
            schema = file.schema_arrow
            _check_schema(folder, name, schema, table)
            for group in range(file.num_row_groups):
                file.read_row_group(group, use_threads=False)
            return _cut(file, schema)
    except PermissionError as error:
        raise _unreadable(folder, name, error) from error
    except _DAMAGE as error:
        return one_line(error)


def schema_of(table: str, columns: Sequence[str]) -> pa.Schema:
    """Returns the schema of some columns of a table."""
    return pa.schema([SCHEMAS[table].field(name) for name in columns], SCHEMAS[table].metadata)


def _with_nulls(rows: pa.Table, n_rows: int, table: str, columns: Sequence[str]) -> pa.Table:
    """Returns the rows of a file of an earlier version with all columns that were asked for."""
    schema = schema_of(table, columns)
    arrays = [rows[field.name] if field.name in rows.column_names else pa.nulls(n_rows, field.type) for field in schema]
    return pa.table(arrays, schema=schema)


@contextmanager
def _opened(
    folder: Storage, name: str, table: str, dictionaries: Sequence[str] = ()
) -> Iterator[tuple[pq.ParquetFile, pa.Schema]]:
    """Opens a file of a table. A fault, also one that is found later, is one line."""
    try:
        with _open(folder, name, dictionaries) as file:
            schema = file.schema_arrow  # made anew each time that it is asked for
            _check_schema(folder, name, schema, table, dictionaries)
            yield file, schema
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        if not folder.exists(name):  # it was removed after it was opened, which a store tells in its own words
            raise FileNotFoundError(str(folder / name)) from error
        raise _unreadable(folder, name, error) from error


@contextmanager
def _open(folder: Storage, name: str, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    # An object store is asked for all columns at once.
    with (
        folder.open(name) as source,
        pq.ParquetFile(
            source,
            pre_buffer=not folder.folder,
            page_checksum_verification=True,
            read_dictionary=[*dictionaries],
        ) as file,
    ):
        yield file


def _footer(folder: Storage, name: str, file: pq.ParquetFile, schema: pa.Schema) -> Footer:
    notes = schema.metadata or {}
    if reason := _cut(file, schema):
        raise ResultsError(
            "results must be what the run wrote",
            got=f"{folder / name} {reason}",
            remedy="put it back, or run the study again, which sets it aside and redoes what it held",
        )
    set_aside = frozenset(json.loads(notes.get(_SET_ASIDE_KEY, b"[]")))
    digest = notes[_DIGEST_KEY].decode() if _DIGEST_KEY in notes else None
    return Footer(file.metadata.num_rows, digest, set_aside, json.loads(notes.get(_SEALS_KEY, b"{}")))


def _cut(file: pq.ParquetFile, schema: pa.Schema) -> str | None:
    """Returns the fault of a file with fewer rows than it was written with, or None. Files may have been joined."""
    written: bytes = (schema.metadata or {}).get(_ROWS_KEY, b"0")
    if int(written) <= file.metadata.num_rows:
        return None
    return f"has {file.metadata.num_rows:,} rows, but was written with {int(written):,}"


def _unreadable(folder: Storage, name: str, error: Exception) -> ResultsError:
    if isinstance(error, PermissionError):
        return ResultsError(
            "results must be readable",
            got=f"{folder / name} is not ({short_reason(error)})",
            remedy="permit to read it",
        )
    return ResultsError(
        "results must be whole Parquet files",
        got=f"{folder / name} cannot be read ({one_line(error)})",
        remedy="run the study again, which sets it aside and redoes what it held",
    )


def _check_schema(folder: Storage, name: str, schema: pa.Schema, table: str, dictionaries: Sequence[str] = ()) -> None:
    version = (schema.metadata or {}).get(VERSION_KEY, b"").decode()
    if version.isdigit() and int(version) > SCHEMA_VERSION:
        raise ResultsError(
            f"results must be of schema version {SCHEMA_VERSION} or older",
            got=f"{folder / name} has {version}",
            remedy="read it with a newer zostudy",
        )
    for column in dictionaries:
        if (index := schema.get_field_index(column)) >= 0:
            schema = schema.set(index, schema.field(index).with_type(pa.string()))
    if not version or not is_known(schema, table):
        raise ResultsError(
            f"a folder of {table} must hold nothing but what zostudy wrote",
            got=f"{folder / name} is something else",
            remedy="move it away",
        )
