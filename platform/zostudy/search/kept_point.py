"""The point that a trial keeps: the latent with the best dev AUC so far, with its scores of the dev rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.results.metrics import classification_metrics
from zostudy.results.outcome import SplitScores
from zostudy.search.setup import TrialSetup


@dataclass(frozen=True)
class KeptPoint:
    """The point with the best dev AUC so far, the earliest of equals.

    Attributes:
        latent: float32 ``[d]``.
        queries: spent when it was found.
        metrics: on dev.
        scores: of the dev rows.
    """

    latent: NDArray[np.float32]
    queries: int
    metrics: Mapping[str, float]
    scores: SplitScores

    @classmethod
    def of_state(cls, state: Mapping[str, NDArray[Any]], setup: TrialSetup) -> KeptPoint:
        """Returns the point of a ``state_dict``.

        Raises:
            KeyError: something is missing.
            ValueError: it is no point of this trial.
        """
        latent = state["kept.latent"]
        split = SplitScores(state["kept.rows"], state["kept.labels"], state["kept.scores"])
        rows, n_classes = setup.draw.dev_rows, setup.data.n_classes
        found = [latent.shape, latent.dtype, split.scores.shape, split.scores.dtype]
        if found != [(setup.latent_size,), np.float32, (len(rows), n_classes), np.float32]:
            raise ValueError(f"a saved point must be one of this trial, but has {found}")
        if not np.array_equal(split.rows, rows) or not np.array_equal(split.labels, setup.data.labels[rows]):
            raise ValueError("a saved point must have its dev rows")
        if not np.isfinite(split.scores).all():
            raise ValueError("a saved point must have finite scores")
        metrics = classification_metrics(split.scores, split.labels, setup.data.minority)
        return cls(latent, int(state["kept.queries"]), metrics, split)

    def state_dict(self) -> dict[str, Any]:
        """Returns all that ``of_state`` needs, as arrays and numbers."""
        return {
            "kept.latent": self.latent,
            "kept.queries": self.queries,
            "kept.rows": self.scores.rows,
            "kept.labels": self.scores.labels,
            "kept.scores": self.scores.scores,
        }
