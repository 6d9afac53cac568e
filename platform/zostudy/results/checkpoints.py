"""Where a long trial stood when it was last saved: one small file a trial, arrays only, nothing ever unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.results.files import write_whole

CHECKPOINTS = "checkpoints"

State = Mapping[str, Any]
"""Arrays, numbers and text by name."""


class Checkpoints:
    """The folder ``checkpoints`` of a study; a trial's file is there from its first save to its stored outcome."""

    def __init__(self, folder: Path) -> None:
        """Uses the study's folder; makes nothing yet."""
        self._folder = folder / CHECKPOINTS

    def save(self, trial: str, state: State) -> None:
        """Replaces what was saved of a trial.

        Raises:
            ResultsError: the file cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in state.items()})
        self._folder.mkdir(exist_ok=True)
        write_whole(self._path(trial), lambda file: file.write(buffer.getvalue()))

    def load(self, trial: str) -> dict[str, NDArray[Any]] | None:
        """Returns what was saved of a trial; None where there is nothing, or a file that a crash left torn.

        A torn file costs only time: the trial begins anew, and its numbers are the same.
        """
        try:
            with np.load(self._path(trial), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def remove(self, trial: str) -> None:
        """Forgets a trial, whose outcome is stored."""
        self._path(trial).unlink(missing_ok=True)

    def _path(self, trial: str) -> Path:
        return self._folder / f"{trial}.npz"
