"""AUC maximisation as a minimax problem: AUCM in its two scalings, with closed-form steps of a, b, alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.methods.objectives.base import ClassVector, Objective, Slopes
from zostudy.methods.objectives.pointwise import log_softmax
from zostudy.methods.options import ImbalanceSettings, ObjectiveOptions
from zostudy.methods.queries import Labels, Losses, Scores

Indicator = NDArray[np.float64]


class AucMinimax(Objective):
    """The saddle function whose minimum over z is the AUC square loss, without pairs of examples.

    With h the softmax probability of the positive class, p its prior and m the margin (Ying et al., NeurIPS
    2016, in the AUCM form of Yuan et al., ICCV 2021): min over z, a, b and max over alpha of the mean of

        F1 = (1-p)(h-a)^2 1[y=1] + p(h-b)^2 1[y=0]
             + 2 alpha (p(1-p)m + p h 1[y=0] - (1-p) h 1[y=1]) - p(1-p) alpha^2             (v1)
        F2 = F1 / (p(1-p))                                                                  (v2)

    At the inner optimum a = E[h|1], b = E[h|0], alpha = m + b - a the mean of F1 is
    p(1-p) E[(m - h(x+) + h(x-))^2] if p is the share of positives in what the mean runs over. Hence p is the
    share that the sampler draws (prior ``global``: the training set's, or the stratified batch's), or that in
    the batch at hand (``batch``: a batch of one class then has no terms of the other in v2, and is worth
    nothing in v1).

    Two classes: the minority class is the positive one. More: one-vs-rest over every class, with K = C of
    each scalar; the loss is the mean over K, while each triple steps along its own problem's gradient, so
    that its step size means the same for every K.

    Attributes:
        a, b, alpha: float64 ``[K]``.
        started: whether they have their first values, at which ``start`` leaves them.
    """

    has_auxiliaries = True
    state_attributes = ("a", "b", "alpha", "started")

    def __init__(
        self,
        positives: tuple[int, ...],
        class_shares: ClassVector,
        options: ObjectiveOptions,
        imbalance: ImbalanceSettings,
    ) -> None:
        """Sets up one problem for each positive class.

        Args:
            positives: K class numbers, each in turn "positive".
            class_shares: float64 ``[C]``, the share of every class in what the sampler draws.
            options: version, projection of alpha, start and step size.
            imbalance: prior and margin.
        """
        self._positives = np.array(positives)
        self._global_prior: ClassVector = class_shares[self._positives]
        self._version, self._projection = options.auc_version, options.alpha_projection
        self._learning_rate = options.auxiliary_learning_rate
        self._prior, self._margin = imbalance.prior, imbalance.margin
        self.started = options.auxiliary_start == "zero"
        self.a = np.zeros(len(positives))
        self.b = np.zeros(len(positives))
        self.alpha = np.zeros(len(positives))

    def losses(self, scores: Scores, labels: Labels) -> Losses:
        """Returns F of each example, float64 ``[q, b]``; a, b and alpha are constants in it."""
        h, positive, negative, scale = self._terms(scores, labels)
        values = scale * (
            positive * (h - self.a) ** 2
            + negative * (h - self.b) ** 2
            + 2 * self.alpha * (self._margin + negative * h - positive * h)
            - self.alpha**2
        )
        mean: Losses = values.mean(axis=-1)
        return mean

    def slopes(self, scores: Scores, labels: Labels) -> Slopes:
        """Returns dF of each example in its scores, float64 ``[q, b, C]``; a, b and alpha are constants in it."""
        h, positive, negative, scale = self._terms(scores, labels)
        in_h = 2 * scale * (positive * (h - self.a) + negative * (h - self.b) + self.alpha * (negative - positive))
        weighted = in_h * h / len(self._positives)  # dh_k / ds_j = h_k (1[j = k] - p_j)
        slopes: Slopes = -weighted.sum(axis=-1, keepdims=True) * np.exp(log_softmax(scores))
        slopes[..., self._positives] += weighted
        return slopes

    def gradients(self, scores: Scores, labels: Labels) -> tuple[ClassVector, ClassVector, ClassVector]:
        """Returns dF/da, dF/db, dF/dalpha of the batch mean, float64 ``[K]`` each."""
        h, positive, negative, scale = self._terms(scores, labels)
        grad_a = -2 * scale * _mean(positive * (h - self.a))
        grad_b = -2 * scale * _mean(negative * (h - self.b))
        gap = self._margin + _mean(negative * h) - _mean(positive * h)
        return grad_a, grad_b, 2 * scale * (gap - self.alpha)

    def start(self, scores: Scores, labels: Labels) -> None:
        """Sets a and b to the first batch's class means of h, and alpha to m + b - a.

        An absent class counts with the mean score.
        """
        if self.started:
            return
        h, positive, negative, _ = self._terms(scores, labels)
        self.a = _conditional_mean(h, positive)
        self.b = _conditional_mean(h, negative)
        self.alpha = self._projected(self._margin + self.b - self.a)
        self.started = True

    def update(self, scores: Scores, labels: Labels) -> None:
        """Descends in a and b and ascends in alpha, all from one point, then projects alpha."""
        grad_a, grad_b, grad_alpha = self.gradients(scores, labels)
        rate = self._learning_rate
        self.a = self.a - rate * grad_a
        self.b = self.b - rate * grad_b
        self.alpha = self._projected(self.alpha + rate * grad_alpha)

    @property
    def auxiliary(self) -> dict[str, float]:
        """``a``, ``b``, ``alpha``; with several problems ``a_0`` and so on, by positive class."""
        arrays = {"a": self.a, "b": self.b, "alpha": self.alpha}
        if len(self._positives) == 1:
            return {name: float(values[0]) for name, values in arrays.items()}
        pairs = [(f"{name}_{k}", values[i]) for name, values in arrays.items() for i, k in enumerate(self._positives)]
        return {name: float(value) for name, value in pairs}

    def _terms(self, scores: Scores, labels: Labels) -> tuple[Indicator, Indicator, Indicator, ClassVector]:
        """Returns h, 1[y=1]/p, 1[y=0]/(1-p), each ``[q, b, K]``, and the factor on F2."""
        h = np.exp(log_softmax(scores))[..., self._positives]
        is_positive = labels[..., None] == self._positives
        prior = _mean(is_positive) if self._prior == "batch" else self._global_prior
        positive = is_positive / np.where(prior > 0, prior, 1.0)
        negative = ~is_positive / np.where(prior < 1, 1 - prior, 1.0)
        scale = prior * (1 - prior) if self._version == "v1" else np.ones_like(prior)
        return h, positive, negative, scale

    def _projected(self, alpha: ClassVector) -> ClassVector:
        return np.maximum(alpha, 0.0) if self._projection == "nonnegative" else alpha


def _mean(values: NDArray[Any]) -> ClassVector:
    mean: ClassVector = values.reshape(-1, values.shape[-1]).mean(axis=0)
    return mean


def _conditional_mean(h: Indicator, weights: Indicator) -> ClassVector:
    total = _mean(weights)
    present = total > 0
    mean = _mean(h * weights) / np.where(present, total, 1.0)
    return np.where(present, mean, _mean(h))
