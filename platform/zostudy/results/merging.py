"""A finished study's files of one trial each become one file a table: thousands of studies stay quick to read.

A trial's own files count before its rows in the merged ones, so a stop at any point between writing these and
removing those changes nothing, and a trial that runs again replaces its rows.
"""

from __future__ import annotations

from zostudy.results.files import TABLES_OF_A_TRIAL, read_table
from zostudy.results.owed import MERGED
from zostudy.results.parquet import PARQUET, write_table
from zostudy.results.storage import Storage


def merge(storage: Storage) -> None:
    """Merges the trials' own files of a study that has ended; its lease must be held.

    Raises:
        ResultsError: a file cannot be read, written or removed; then every trial is still there.
    """
    if _own_files(storage, "trials"):
        for table in TABLES_OF_A_TRIAL:  # trials last: another merged file counts once trials has one too
            write_table(read_table(storage, table), storage / table, MERGED)
    for table in reversed(
        TABLES_OF_A_TRIAL
    ):  # trials first: without its own file there, a trial is that of the merged files
        for name in _own_files(storage, table):
            (storage / table).remove(name)


def _own_files(storage: Storage, table: str) -> list[str]:
    return [name for name in (storage / table).files(PARQUET) if name != MERGED]
