"""The base class of objectives: losses of scores, and first-order steps of the objective's own scalars."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from zostudy.methods.queries import Labels, Losses, Scores
from zostudy.methods.state import Stateful

ClassVector = NDArray[np.float64]
Slopes = NDArray[np.float64]


class Objective(Stateful, ABC):
    """A loss of each example under each prompt, whose mean over a batch is minimised over the latent.

    Most objectives have no scalars of their own and only define ``losses`` and ``slopes``.

    Attributes:
        has_auxiliaries: whether it has scalars of its own.
        pairs: whether a loss compares examples under one prompt, so that examples cannot have a direction each.
    """

    has_auxiliaries: ClassVar[bool] = False
    pairs: ClassVar[bool] = False

    @abstractmethod
    def losses(self, scores: Scores, labels: Labels) -> Losses:
        """Returns float64 ``[q, b]`` from scores float32 ``[q, b, C]`` and labels int32 ``[q, b]``."""

    @abstractmethod
    def slopes(self, scores: Scores, labels: Labels) -> Slopes:
        """Returns b times the derivative of the batch's mean loss in each example's scores, float64 ``[q, b, C]``."""

    def start(self, scores: Scores, labels: Labels) -> None:
        """Sets the scalars from the first batch at the unperturbed latent; later calls do nothing."""

    def update(self, scores: Scores, labels: Labels) -> None:
        """Takes one first-order step of the scalars from a batch at the unperturbed latent."""

    @property
    def auxiliary(self) -> dict[str, float]:
        """The scalars by name."""
        return {}
