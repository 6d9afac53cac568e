"""One driver at a time: a lock on a study's folder, which the operating system releases when its holder ends."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from zostudy.errors import ResultsError
from zostudy.results.claims import claim
from zostudy.results.storage import Storage, Where

LEASE_FILE = ".lease"


@contextmanager
def lease(where: Where, tell: Callable[[str], None]) -> Iterator[None]:
    """Holds a study's place, which it makes, for this process; however the process ends, nothing stays locked.

    Args:
        where: a folder, or a place in an object store, which is held by a claim (``zostudy.results.claims``).
        tell: takes a line when something takes its time.

    Raises:
        ResultsError: another driver holds it, or the folder cannot be made, written or locked.
    """
    place = Storage.at(where)
    with _locked(place.folder) if place.folder else claim(place, tell):
        yield


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / LEASE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise ResultsError(
            f"the results folder must be writable, but {folder} is not ({error.strerror}); "
            "permit it, or give another one with --results"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ResultsError(
                f"one driver at a time may write a study's results, but {folder} is held by {_holder(file)}; "
                "wait for it or end it, or give another folder with --results"
            ) from None
        except OSError as error:
            raise ResultsError(
                f"the results folder must be on storage that can be locked, but {folder} is not ({error.strerror}); "
                "give another one with --results"
            ) from error
        with suppress(OSError):  # of a full disk, which is told where results are written; the lock holds without
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()} since {_now()} UTC\n".encode())
        yield


def _holder(file: IO[bytes]) -> str:
    return file.read().decode(errors="replace").strip() or "another process"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
