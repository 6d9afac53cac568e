"""The seal of a Parquet file: a digest of its footer, which says where each part lies, its size, and its extremes.

A program that writes the file anew gives it another footer: also one that keeps codec, sizes and notes describes the
schema in other bytes. The checksum of each page tells of damage inside the parts.
"""

from __future__ import annotations

import pyarrow as pa

from zostudy.digests import short_digest
from zostudy.results.storage import Storage

_TAIL = 8  # bytes: the footer's length, and a magic word
_LENGTH = 4


def seal(file: pa.NativeFile) -> str:
    """Returns the seal of an open Parquet file."""
    end = max(0, file.size() - _TAIL)
    file.seek(end)
    length = int.from_bytes(file.read(_LENGTH), "little")
    file.seek(max(0, end - length))
    return short_digest([file.read(length)])


def has_seal(folder: Storage, name: str, expected: str) -> bool:
    """Returns whether a Parquet file still has its seal.

    Raises:
        OSError: it is gone, or cannot be read.
    """
    with folder.open(name) as file:
        return seal(file) == expected
