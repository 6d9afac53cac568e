"""Temporary folders, of which a killed process leaves none for long."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import weakref
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

PREFIX = "zostudy-scratch-"
SECONDS_UNTIL_LOCKED = 60.0
"""A younger folder is left alone, as its process may not have locked it yet."""


class ScratchFolder(TemporaryDirectory[str]):
    """A temporary folder, removed at its end. The next one removes those whose process was killed before that.

    A process holds a lock on its folder, which the kernel frees when the process ends, however it does. Where a file
    system has no such locks, folders of killed processes stay.
    """

    def __init__(self) -> None:
        """Makes the folder.

        Raises:
            OSError: it cannot be made.
        """
        _remove_left()
        super().__init__(prefix=PREFIX, ignore_cleanup_errors=True)
        with suppress(OSError):
            weakref.finalize(self, os.close, _locked(self.name))


def _remove_left() -> None:
    for folder in Path(gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is locked, another user's, or has just been removed
            if time.time() - folder.lstat().st_mtime > SECONDS_UNTIL_LOCKED:
                lock = _locked(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked(folder: str | Path) -> int:
    """Returns a descriptor of a folder that holds its lock until it is closed.

    Raises:
        OSError: another process holds the lock, it is no folder, or the file system has no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
