"""Scorers that stand in for a model. Trials' processes import this module, so it imports nothing heavy."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

QUICK_SECONDS = 0.001
SLEEP_SECONDS = 0.05


class QuickScorer:
    """Takes a millisecond a unit, and prefers no prompt."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns scores float32 ``[q, b, 2]`` that depend on the row and a little on the latent."""
        time.sleep(QUICK_SECONDS)
        score = np.sin(rows + latents.sum(axis=1)[:, None]).astype(np.float32)
        return np.stack([score, -score], axis=-1)


class SleepingScorer:
    """Takes the time of a unit, as a model on another machine would, and none of this machine's processors."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns zeros ``[q, b, 2]`` after ``SLEEP_SECONDS``."""
        time.sleep(SLEEP_SECONDS)
        return np.zeros((*rows.shape, 2), dtype=np.float32)
