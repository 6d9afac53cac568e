"""What is known of the scores that a pool was asked for: filled in unit by unit, so it can be kept when half done."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.units import Cut


def _nobody() -> None: ...


class ScoreBuffer:
    """The scores of some queries.

    Attributes:
        scores: float32 ``[q, b, C]``; C is 0 before the first answer, and what is not known yet is NaN.
        known: bool ``[q, b]``, which of them are known.
        seconds: that replicas worked for them.
    """

    def __init__(self, shape: tuple[int, ...], heard: Callable[[], None] = _nobody) -> None:
        """Knows nothing yet.

        Args:
            shape: of the rows, ``(q, b)``.
            heard: called after each answer.
        """
        self.known: NDArray[np.bool_] = np.zeros(shape, dtype=np.bool_)
        self.scores: NDArray[np.float32] = np.empty((*shape, 0), dtype=np.float32)
        self.seconds = 0.0
        self._heard = heard

    def holds(self, cut: Cut) -> bool:
        """Returns whether all scores of a unit are known."""
        return bool(self.known[cut.queries, cut.columns].all())

    def add(self, cut: Cut, scores: NDArray[np.float32]) -> None:
        """Takes a unit's scores, float32 ``[q, b, C]``."""
        if not self.scores.size:
            self.scores = np.full((*self.known.shape, scores.shape[-1]), np.nan, dtype=np.float32)
        self.scores[cut.queries, cut.columns] = scores
        self.known[cut.queries, cut.columns] = True

    def answered(self, seconds: float) -> None:
        """Ends an answer: the replica worked for so long."""
        self.seconds += seconds
        self._heard()
