"""The digests of the rows of one file, computed once a process for as long as the file stays as it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache

from zostudy.results.parquet import read_batches
from zostudy.results.row_digests import DIGESTED, RowDigest, digest_rows
from zostudy.results.storage import Storage

_MOST_REMEMBERED = 1024

SETTLED_SECONDS = 2.0
"""A younger file is not remembered: a file system may give two changes within some milliseconds the same time."""


def digest_file(folder: Storage, name: str, table: str) -> Mapping[str, RowDigest]:
    """Returns count and digest of the rows of each trial in a file; see ``parquet`` for what it raises.

    They are remembered by what a change of a file on this machine changes: inode, size and times. The time of the last
    change of the inode cannot be set by hand. In an object store nothing is remembered.
    """
    if folder.folder is None:
        return _digest(folder, name, table)
    status = (folder.folder / name).stat()
    if time.time() - status.st_ctime < SETTLED_SECONDS:
        return _digest(folder, name, table)
    version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _remembered(folder.path, name, table, version)


@lru_cache(_MOST_REMEMBERED)
def _remembered(folder: str, name: str, table: str, version: tuple[int, ...]) -> Mapping[str, RowDigest]:
    return _digest(Storage.at(folder), name, table)


def _digest(folder: Storage, name: str, table: str) -> Mapping[str, RowDigest]:
    return digest_rows(read_batches(folder, name, table, ["trial", *DIGESTED[table]]), table)
