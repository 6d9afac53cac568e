"""Checks before a Ray of this machine starts: a folder for its sockets and logs, and address space.

Ray itself would fail late: after half a minute and without a reason, or by ending the process.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile

from zostudy.errors import ZostudyError
from zostudy.machine import GIB, check_address_space

LONGEST_SOCKET = 107
"""Bytes that the path of a Unix socket may have."""

# The longest path that Ray makes, with a process number of seven digits.
_SOCKET = "/ray/session_2026-01-31_23-59-59_123456_1234567/sockets/plasma_store"

LEAST_FREE_BYTES = 64 * 2**20
LEAST_ADDRESS_SPACE = 6 * GIB


def check_ray_can_start() -> None:
    """Checks the folder for temporary files and the limit on address space.

    Raises:
        ZostudyError: Ray could not start.
    """
    variable = next((name for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), "TMPDIR")
    folder = os.environ.get(variable) or "/tmp"
    if not os.path.isabs(folder):  # Ray's processes work in other folders
        rule, got = "Ray needs the absolute path of a folder for temporary files", f"{variable} is {folder}"
        raise ZostudyError(rule, got=got, remedy=f"set {variable} to one, such as /tmp")
    _check_length(folder, variable)
    _check_room(Path(folder), variable)
    check_address_space(LEAST_ADDRESS_SPACE, "Ray")


def _check_length(folder: str, variable: str) -> None:
    longest, given = LONGEST_SOCKET - len(_SOCKET), len(os.fsencode(folder.rstrip("/")))
    if given > longest:
        raise ZostudyError(
            f"Ray's sockets need a folder for temporary files of at most {longest} bytes",
            got=f"{variable} has {given} ({folder})",
            remedy=f"set {variable} to a shorter path, such as /tmp",
        )


def _check_room(folder: Path, variable: str) -> None:
    rule = "Ray must write temporary files"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ZostudyError(
            rule,
            got=f"{variable} ({folder}) takes no file ({error.strerror})",
            remedy=f"free space there, or set {variable} to a folder that takes some",
        ) from error
    if free < LEAST_FREE_BYTES:
        raise ZostudyError(
            rule,
            got=f"{variable} ({folder}) has {free // 2**20} MiB free of the {LEAST_FREE_BYTES // 2**20} that it takes",
            remedy=f"free space there, or set {variable} to another folder",
        )
