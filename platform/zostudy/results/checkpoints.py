"""Where a long trial stood when it was last saved: one small file a trial, arrays only, nothing ever unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.results.storage import UNFINISHED, Storage, Where

CHECKPOINTS = "checkpoints"

_CONDITION = "condition"

State = Mapping[str, Any]
"""Arrays, numbers and text by name."""


class Checkpoints:
    """The folder ``checkpoints`` of a study; a trial's file is there from its first save to its stored outcome."""

    def __init__(self, where: Where, condition: str = "") -> None:
        """Uses the study's place; makes nothing yet.

        Args:
            where: the study's place.
            condition: what numbers depend on beside the study, such as the dtype; states of another one are not loaded.
        """
        self._place = Storage.at(where) / CHECKPOINTS
        self._condition = condition
        self._saved = set(self._place.files())

    def sweep(self, finished: Collection[str]) -> None:
        """Forgets the trials that have ended, and what a crash left half-written.

        Raises:
            ResultsError: a file cannot be removed.
        """
        for name in {*map(_file, finished)} & self._saved:
            self._place.remove(name)
            self._saved.discard(name)
        for name in self._place.files(UNFINISHED):
            self._place.remove(name)

    def save(self, trial: str, state: State) -> None:
        """Replaces what was saved of a trial.

        Raises:
            ResultsError: the file cannot be written.
        """
        buffer, content = io.BytesIO(), {_CONDITION: self._condition} | dict(state)
        np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in content.items()})
        self._place.make()
        self._place.write(_file(trial), buffer.getvalue())
        self._saved.add(_file(trial))

    def load(self, trial: str) -> dict[str, NDArray[Any]] | None:
        """Returns what was saved of a trial under this condition; None where there is nothing, or a file that is torn.

        Either costs only time: the trial begins anew, and its numbers are the same.
        """
        if _file(trial) not in self._saved:
            return None
        try:
            with np.load(io.BytesIO(self._place.read(_file(trial))), allow_pickle=False) as file:
                state = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        return state if str(state.pop(_CONDITION, "")) == self._condition else None

    def remove(self, trial: str) -> None:
        """Forgets a trial, whose outcome is stored.

        Raises:
            ResultsError: the file cannot be removed.
        """
        if _file(trial) in self._saved:
            self._place.remove(_file(trial))
            self._saved.discard(_file(trial))


def _file(trial: str) -> str:
    return f"{trial}.npz"
