"""Names of data files and model folders by their contents: equal exactly for equal contents in any place."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from zostudy.digests import DIGEST_LENGTH, file_digest, short_digest

NEVER_READ = {".bin", ".ckpt", ".h5", ".msgpack", ".onnx", ".pkl", ".pt", ".pth"}

# Where a job unpacks its uploaded files.
_UNPACKED = re.compile(rf".*/(inputs/[0-9a-f]{{{DIGEST_LENGTH}}}/[^/]+)")


def files_read(source: Path) -> tuple[Path, ...]:
    """Returns a file itself, or a folder's files but for hidden ones and weights in formats other than safetensors."""
    if source.is_file():
        return (source,)
    files = (file for file in sorted(source.rglob("*")) if file.is_file())
    return tuple(file for file in files if _is_read(file.relative_to(source)))


def contents_name(source: Path, files: Sequence[Path]) -> str:
    """Returns ``inputs/DIGEST/NAME`` of a file or folder, the digest of those of its files."""
    parts = (f"{file.relative_to(source)}\n".encode() + bytes.fromhex(file_digest(file)) for file in files)
    return f"inputs/{short_digest(parts)}/{source.name}"


def same_contents(first: object, second: object) -> bool:
    """Returns whether two paths have the same contents and at least one is the unpacked copy of a submitted job."""
    if not (isinstance(first, str) and isinstance(second, str) and (_unpacked(first) or _unpacked(second))):
        return False
    return _name(first) == _name(second)


def lasting_name(path: str) -> str:
    """Returns a path; for a job's unpacked copy only the part that does not depend on where it was unpacked."""
    return _unpacked(path) or path


def _name(path: str) -> str:
    if _unpacked(path) or not (os.path.isabs(path) and os.path.exists(path)):
        return lasting_name(path)
    source = Path(path)
    return contents_name(source, files_read(source))


def _unpacked(path: str) -> str | None:
    found = _UNPACKED.fullmatch(path)
    return found[1] if found else None


def _is_read(file: Path) -> bool:
    return file.suffix not in NEVER_READ and not any(part.startswith(".") for part in file.parts)
