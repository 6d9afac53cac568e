"""The saved state of long trials: one small file a trial, of arrays only, so that nothing is ever unpickled.

A file is a line with a checksum of the rest, and an archive of arrays. A file that has changed since is set aside with
a note, and its trial begins anew. That costs time, but changes no number.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.digests import digest_of
from zostudy.results.filesystems import UNFINISHED, short_reason
from zostudy.results.repair import DAMAGED
from zostudy.results.storage import Storage, Where

CHECKPOINTS = "checkpoints"

_CONDITION = "condition"
_MARK = b"zostudy checkpoint, sha256 "

SavedState = Mapping[str, Any]
"""Arrays, numbers and text by name."""


class Checkpoints:
    """The folder ``checkpoints`` of a study. A trial has a file from its first save until its outcome is stored.

    A method raises ``ResultsError`` where a file cannot be written, moved or removed.
    """

    def __init__(self, where: Where, condition: str = "", notify: Callable[[str], None] = lambda line: None) -> None:
        """Uses the study's storage. It makes nothing yet.

        Args:
            where: the study's storage.
            condition: affects the numbers beside the study, such as the dtype; a state of another one is not loaded.
            notify: takes a line about a trial that begins anew although a state was saved.
        """
        self._study = Storage.at(where)
        self._storage = self._study / CHECKPOINTS
        self._condition, self._notify = condition, notify
        self._saved = set(self._storage.files())

    def sweep(self, finished: Collection[str]) -> None:
        """Removes the states of ended trials and half-written files. Anything that is no file is set aside."""
        for name in self._no_files():
            self._set_aside(name, "is not a file of its own")
        for name in {*map(_file, finished)} & self._saved:
            self._storage.remove(name)
            self._saved.discard(name)
        for name in self._storage.files(UNFINISHED):
            self._storage.remove(name)

    def save(self, trial: str, state: SavedState) -> None:
        """Saves the state of a trial in place of the last one."""
        buffer, content = io.BytesIO(), {_CONDITION: self._condition} | dict(state)
        np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in content.items()})
        self._storage.make()
        self._storage.write(_file(trial), _head(buffer.getvalue()) + buffer.getvalue())
        self._saved.add(_file(trial))

    def load(self, trial: str) -> dict[str, NDArray[Any]] | None:
        """Returns the saved state of a trial under this condition; None if no usable one is there."""
        if _file(trial) not in self._saved:
            return None
        try:
            state = _decoded(self._storage.read(_file(trial)))
            condition = str(state.pop(_CONDITION))
        except Exception as error:  # a changed byte makes zipfile, zlib and NumPy raise nearly anything
            self._set_aside(_file(trial), f"cannot be read ({short_reason(error)})")
            return None
        if condition != self._condition:
            self._notify(f"{trial} begins anew: it was saved under {condition}, and this run has {self._condition}")
            return None
        return state

    def refuse(self, trial: str, reason: str) -> None:
        """Sets aside the state of a trial that could not continue from it."""
        if _file(trial) in self._saved:
            self._set_aside(_file(trial), f"cannot be resumed ({reason})")

    def remove(self, trial: str) -> None:
        """Removes the state of a trial whose outcome is stored."""
        if _file(trial) in self._saved:
            self._storage.remove(_file(trial))
            self._saved.discard(_file(trial))

    def _no_files(self) -> list[str]:
        """Returns the names of folders and links, which stand in the way of files of the same name."""
        folder = self._storage.folder
        paths = folder.iterdir() if folder is not None and folder.is_dir() else ()
        return sorted(path.name for path in paths if path.is_symlink() or not path.is_file())

    def _set_aside(self, name: str, fault: str) -> None:
        kept = (self._study / DAMAGED / CHECKPOINTS).free_name(f"{name}-")
        self._study.move(f"{CHECKPOINTS}/{name}", f"{DAMAGED}/{CHECKPOINTS}/{kept}")
        self._saved.discard(name)
        self._notify(f"set aside: {CHECKPOINTS}/{name} {fault}; its trial begins anew")


def _decoded(content: bytes) -> dict[str, NDArray[Any]]:
    """Returns the arrays of a file. An older zostudy wrote no checksum.

    Raises:
        Exception: the file has changed since it was written.
    """
    if content.startswith(_MARK):
        head, content = content[: len(_head(b""))], content[len(_head(b"")) :]
        if head != _head(content):
            raise ValueError("its checksum is another one")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        state = {name: file[name] for name in file.files}
    # The archive's last record holds the number of arrays, which zipfile does not check.
    if len(state) != int.from_bytes(content[-12:-10], "little"):
        raise ValueError("arrays are missing")
    return state


def _head(archive: bytes) -> bytes:
    return _MARK + digest_of([archive]).encode() + b"\n"


def _file(trial: str) -> str:
    return f"{trial}.npz"
