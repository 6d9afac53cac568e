"""Scorers that stand for a model on replicas. Their processes import this file, so it imports little."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SECONDS = 0.02
"""Of a call: trials that end sooner than a process starts would have Tune start one after the other for nothing."""


class SlowScorer:
    """Scores by row and latent, after a moment."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        time.sleep(SECONDS)
        return _scores(latents, rows)


class BrokenScorer:
    """Gives numbers at the start alone, so that each trial fails that goes away from it."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        time.sleep(5 * SECONDS)
        return _scores(latents, rows) * np.float32(np.nan if latents.any() else 1.0)


class DyingScorer:
    """Scores by row and latent; dies of one seed's units, as a replica would of a batch that takes all memory."""

    def __init__(self, poison: int = -1, log: Path | None = None) -> None:
        self._poison, self._log = poison, log

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        if seed == self._poison and self._log is not None:
            with self._log.open("a") as file:
                file.write("died ")
            os._exit(1)
        return _scores(latents, rows)


def _scores(latents: NDArray[np.float32], rows: NDArray[np.int32]) -> NDArray[np.float32]:
    score = np.sin(rows + latents.sum(axis=1)[:, None]).astype(np.float32)
    return np.stack([score, -score], axis=-1)


class UnreadableLister:
    """Lists replicas, but cannot be read in a trial's process, as where a package is missing."""

    def __reduce__(self) -> Any:
        return _missing, ()


def _missing() -> None:
    raise ModuleNotFoundError("No module named 'zostudy_plugin'")
