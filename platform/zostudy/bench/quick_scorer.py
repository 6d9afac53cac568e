"""A scorer that takes next to nothing; a trial's process imports this module, so it imports nothing heavy."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

UNIT_SECONDS = 0.001


class QuickScorer:
    """Stands in for a model: takes a millisecond a unit and prefers no prompt."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns scores float32 ``[q, b, 2]`` that depend on the row and a little on the latent."""
        time.sleep(UNIT_SECONDS)
        score = np.sin(rows + latents.sum(axis=1)[:, None]).astype(np.float32)
        return np.stack([score, -score], axis=-1)
