"""The outcome of a finished trial, as it travels to the ledger: plain values and numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zostudy.results.trial_row import TrialRow


class SplitScores(NamedTuple):
    """The class scores of one split at the kept point.

    Attributes:
        rows: int64 ``[n]``, row numbers in the task's table.
        labels: int32 ``[n]``, true classes.
        scores: float32 ``[n, C]``, logits of the label words.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int32]
    scores: NDArray[np.float32]


class Landscape(NamedTuple):
    """The training loss around the kept point.

    Attributes:
        x: float64 ``[p]``, coordinates along a random direction, in latent units; 0 is the kept point.
        y: float64 ``[p]``, along a second one at right angles to it.
        loss: float64 ``[p]``, mean cross-entropy of the label words; NaN where a score is not finite.
        examples: that the mean is over.
        sharpness: expected rise of the loss at a fixed distance; NaN where a score is not finite.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    loss: NDArray[np.float64]
    examples: int
    sharpness: float

    @property
    def centre_loss(self) -> float:
        """The loss at the kept point; NaN where a score is not finite."""
        return float(self.loss[(self.x == 0) & (self.y == 0)][0])


@dataclass(frozen=True)
class Outcome:
    """All that is stored of one trial, complete, failed or pruned.

    Attributes:
        trial: the trial's row of the table ``trials``.
        history: one array ``[steps]`` a numeric column of ``HISTORY``; the ledger adds study, cell and trial.
            NaN means null in a nullable column, such as ``dev_auc`` between evaluations. Empty: no steps.
        auxiliary: the objective's auxiliary scalars by name, float64 ``[steps]``, NaN at steps without one.
        scores: the class scores of each evaluated split, ``dev`` or ``test``.
        landscape: the loss around the kept point, or None where it was not evaluated.
    """

    trial: TrialRow
    history: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    auxiliary: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    scores: Mapping[str, SplitScores] = field(default_factory=dict)
    landscape: Landscape | None = None

    @property
    def name(self) -> str:
        """The trial's name."""
        return self.trial.trial
