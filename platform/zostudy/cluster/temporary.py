"""The folder where a Ray of this machine keeps its sockets and logs.

Ray finds a fault of it late, after half a minute, and does not name it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile

from zostudy.errors import ZostudyError

LONGEST_SOCKET = 107
"""Characters that the path of a Unix socket may have."""

# The longest that Ray makes, with a process number of seven digits.
_SOCKET = "/ray/session_2026-01-31_23-59-59_123456_1234567/sockets/plasma_store"

LEAST_FREE_BYTES = 2**26


def check_temporary_folder() -> None:
    """Checks that the folder takes files, and that the paths of sockets in it are not too long.

    Raises:
        ZostudyError: Ray could not start; the message names what to set.
    """
    variable = next((name for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), "TMPDIR")
    folder = os.environ.get(variable) or "/tmp"
    _check_length(folder, variable)
    _check_room(Path(folder), variable)


def _check_length(folder: str, variable: str) -> None:
    longest = LONGEST_SOCKET - len(_SOCKET)
    n_bytes = len(os.fsencode(folder.rstrip("/")))
    if n_bytes > longest:
        raise ZostudyError(
            f"Ray's sockets need a folder for temporary files of at most {longest} characters, but {variable} has "
            f"{n_bytes} ({folder}); set {variable} to a shorter path, such as /tmp"
        )


def _check_room(folder: Path, variable: str) -> None:
    rule = f"Ray must be able to write temporary files, but {variable} ({folder})"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 2**12)
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ZostudyError(
            f"{rule} takes none ({error.strerror}); free space there, or set {variable} to a folder that can be written"
        ) from error
    if free < LEAST_FREE_BYTES:
        raise ZostudyError(
            f"{rule} has {free / 2**20:.0f} MiB free and it takes {LEAST_FREE_BYTES / 2**20:.0f}; "
            f"free space there, or set {variable} to another folder"
        )
