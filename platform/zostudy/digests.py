"""SHA-256 digests of contents. Results and exports hold them, so the bytes that are digested must never change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

DIGEST_LENGTH = 16
"""Hexadecimal digits of a short digest."""

Bytes: TypeAlias = bytes | memoryview


def digest_of(parts: Iterable[Bytes]) -> str:
    """Returns the hexadecimal digest of some bytes, one part after the other."""
    running = hashlib.sha256()
    for part in parts:
        running.update(part)
    return running.hexdigest()


def short_digest(parts: Iterable[Bytes]) -> str:
    """Returns the first ``DIGEST_LENGTH`` digits of ``digest_of``."""
    return digest_of(parts)[:DIGEST_LENGTH]


def file_digest(path: Path) -> str:
    """Returns the hexadecimal digest of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
