"""A DuckDB that can only compute: its limits of memory, disk and time, and how it is stopped."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import duckdb

from zostudy.errors import ResultsError
from zostudy.machine import usable_cpus
from zostudy.scratch import ScratchFolder

MOST_MEMORY, MOST_THREADS = "384MiB", 8
"""DuckDB's memory, beside what pyarrow reads for it, and its threads. What a large grouping or join needs beyond this
memory goes to disk."""

MOST_SPILLED = 10 << 30
"""Bytes that it may keep on disk, or half of what is free there."""

_SECONDS_BETWEEN_INTERRUPTS = 0.1

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """The limits of a query.

    Attributes:
        spill: bytes that it may keep in the temporary folder; None for the smaller of 10 GiB and half of what is free.
        seconds: until it has to be answered; None for as long as it takes.
    """

    spill: int | None = None
    seconds: float | None = None


def parse_size(text: str | None) -> int | None:
    """Returns the bytes of a size such as ``500MB`` or ``20GiB``; None of None.

    Raises:
        ResultsError: it is no size, or too large a one.
    """
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*(?:([kmgt]?)(i?)b)?\s*", text, re.IGNORECASE | re.ASCII)
    if found:
        number, prefix, binary = found.groups()
        size = int(float(number) * (1024 if binary else 1000) ** " kmgt".index((prefix or " ").lower()))
        if size < 1 << 62:  # DuckDB takes no more than 64 bits
            return size
    raise ResultsError("`spill_limit` must be a size such as 500MB or 20GiB", got=f"is {text!r}", remedy="change it")


@contextmanager
def duckdb_connection(limits: Limits) -> Iterator[duckdb.DuckDBPyConnection]:
    """Gives a connection that reads no file, network or setting. Its temporary files are removed with it.

    Raises:
        ResultsError: the temporary folder cannot be used.
    """
    try:
        folder = ScratchFolder()
        most = min(MOST_SPILLED, shutil.disk_usage(folder.name).free // 2) if limits.spill is None else limits.spill
    except OSError as error:
        raise ResultsError(
            "a query needs a temporary folder",
            got=f"none can be made ({error.strerror})",
            remedy="make room there, or set TMPDIR to a folder with room",
        ) from error
    with folder as spill, _connection(spill, most) as connection:
        yield connection


def interruptible(connection: duckdb.DuckDBPyConnection, limits: Limits, ask: Callable[[], T]) -> T:
    """Returns the result of ``ask``, which uses the connection. A signal stops it, and so does the limit of time.

    DuckDB sees no signal while it computes, so it does so in a thread, and this one waits.

    Raises:
        ResultsError: it takes longer than the limit.
    """
    started = time.monotonic()
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(ask)
        try:
            wait([answer], limits.seconds)
            if answer.done():
                return answer.result()
        finally:
            while not answer.done():
                connection.interrupt()
                wait([answer], _SECONDS_BETWEEN_INTERRUPTS)
    raise ResultsError(
        f"a query must be answered within {limits.seconds:g} seconds",
        got=f"this one still ran after {time.monotonic() - started:.1f}",
        remedy="ask for less, or allow more with `timeout`",
    )


def too_large(error: Exception, limits: Limits) -> ResultsError | None:
    """Returns the error of a query that exceeds its limits; None for any other error."""
    if not isinstance(error, duckdb.OutOfMemoryException):
        return None
    if "max_temp_directory_size" in str(error):
        most = f"{limits.spill:,} bytes" if limits.spill is not None else "10 GiB or half of what is free"
        return ResultsError(
            f"a query may keep no more than {most} on disk in {tempfile.gettempdir()}",
            got="this one needs more",
            remedy="ask for less, allow more with `spill_limit`, or set TMPDIR to a folder with room",
        )
    return ResultsError(
        f"a query may hold {MOST_MEMORY} in memory",
        got="this one needs more at once",
        remedy="ask for less: fewer columns, groups or rows in a list",
    )


def _connection(spill: str, most: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "python_enable_replacements": False,
            "memory_limit": MOST_MEMORY,
            "temp_directory": spill,
            "max_temp_directory_size": f"{most}B",
            "threads": min(MOST_THREADS, usable_cpus()),
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    # A progress bar goes to standard output. In a notebook without ipywidgets none can be set, not even to false.
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() != [(False,)]:
        connection.execute("SET enable_progress_bar = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
