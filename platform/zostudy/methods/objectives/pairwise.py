"""The AUC square loss over all pairs of a batch, which the minimax form equals at its inner optimum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.methods.objectives.base import Objective, Slopes
from zostudy.methods.objectives.pointwise import log_softmax
from zostudy.methods.queries import Labels, Losses, Scores


class AucPairwise(Objective):
    """``mean over pairs of (m - h(x+) + h(x-))^2``, h the softmax probability of the positive class, m the margin.

    Each pair of a batch is visited. An example's loss is its share of them, so that the batch's mean is the mean over
    pairs. A batch of one class has no pair, and its loss is 0. Several positive classes: the mean of one-vs-rest.
    """

    pairs = True

    def __init__(self, positives: tuple[int, ...], margin: float) -> None:
        """Sets up one problem for each positive class."""
        self._positives = np.array(positives)
        self._margin = margin

    def losses(self, scores: Scores, labels: Labels) -> Losses:
        """Returns each example's share, float64 ``[q, b]``."""
        gaps, weights, _ = self._pairs(scores, labels)
        squares = weights * gaps**2
        shares: Losses = (squares.sum(axis=2) + squares.sum(axis=1)).mean(axis=-1) / 2
        return shares

    def slopes(self, scores: Scores, labels: Labels) -> Slopes:
        """Returns b times the derivative of the batch's mean in each example's scores, float64 ``[q, b, C]``."""
        gaps, weights, h = self._pairs(scores, labels)
        pulls = 2 * weights * gaps
        weighted = (
            (pulls.sum(axis=1) - pulls.sum(axis=2)) * h / len(self._positives)
        )  # dh_k / ds_j = h_k (1[j=k] - p_j)
        slopes: Slopes = -weighted.sum(axis=-1, keepdims=True) * np.exp(log_softmax(scores))
        slopes[..., self._positives] += weighted
        return slopes

    def _pairs(self, scores: Scores, labels: Labels) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Returns ``m - h_i + h_j`` and b over the number of pairs (0 where i, j is none), ``[q, b, b, K]``, and h."""
        h = np.exp(log_softmax(scores))[..., self._positives]
        positive = labels[..., None] == self._positives
        pairs = positive[:, :, None] & ~positive[:, None, :]
        count = pairs.sum(axis=(1, 2), keepdims=True)
        weights = pairs * labels.shape[1] / np.maximum(count, 1)
        return self._margin - h[:, :, None] + h[:, None, :], weights, h
