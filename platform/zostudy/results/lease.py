"""One driver at a time: a lock on a study's folder, which the operating system releases when its holder ends."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zostudy.errors import ResultsError
from zostudy.results.claims import claim, is_claimed, this_process
from zostudy.results.storage import Storage, Where

LEASE_FILE = ".lease"
SECONDS_OF_A_LOOK = 0.05
"""``is_held`` locks the file for less than this time."""

# Never through a link: who holds the lock is written into the file, whatever it is.
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def lease(where: Where) -> Iterator[None]:
    """Holds a study's storage, which it makes, for this process; however the process ends, nothing stays locked.

    Args:
        where: a folder, or a location in an object store, which is held by a claim (``zostudy.results.claims``).

    Raises:
        ResultsError: another driver holds it, or the folder cannot be made, written or locked.
    """
    storage = Storage.at(where)
    with _locked(storage.folder) if storage.folder else claim(storage):
        yield


def is_held(storage: Storage) -> bool:
    """Returns whether a driver holds a study's storage just now."""
    if storage.folder is None:
        return is_claimed(storage)
    try:
        with (storage.folder / LEASE_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no run has held it, or nobody may lock here
        return False
    return False


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / LEASE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, _FLAGS, 0o666), "a+b", buffering=0)
    except OSError as error:
        if path.is_symlink():
            raise _not_a_file(path) from error
        raise ResultsError(
            "the results folder must be writable",
            got=f"{folder} is not ({error.strerror})",
            remedy="permit it, or give another one with `results`",
        ) from error
    with file:
        held = os.fstat(file.fileno())
        if not stat.S_ISREG(held.st_mode) or held.st_nlink > 1:
            raise _not_a_file(path)
        try:
            _lock(file.fileno())
        except BlockingIOError:
            file.seek(0)
            raise ResultsError(
                "one driver at a time may write a study's results",
                got=f"{folder} is held by {file.read().decode(errors='replace').strip() or 'another process'}",
                remedy="wait for it or end it, or give another folder with `results`",
            ) from None
        except OSError as error:
            raise ResultsError(
                "the results folder must be on storage that can be locked",
                got=f"{folder} is not ({error.strerror})",
                remedy="give another one with `results`",
            ) from error
        with suppress(OSError):  # of a full disk, which is told where results are written; the lock holds without
            file.truncate(0)
            file.write(f"{this_process()}\n".encode())
        yield


def _lock(descriptor: int) -> None:
    """Locks a file for this process alone. A lock that another one holds is tried again once, as it may only look.

    Raises:
        BlockingIOError: another process holds it.
        OSError: it cannot be locked.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(SECONDS_OF_A_LOOK)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _not_a_file(path: Path) -> ResultsError:
    return ResultsError(
        "the lock of a results folder must be a file of its own", got=f"{path} is none", remedy="remove it"
    )
