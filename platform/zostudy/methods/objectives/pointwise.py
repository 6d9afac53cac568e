"""Losses of one example at a time: cross-entropy and its shifted forms, focal, hinge; weighted by class if asked."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from zostudy.methods.objectives.base import ClassVector, Objective, Slopes
from zostudy.methods.queries import Labels, Losses, Scores


def log_softmax(scores: Scores) -> NDArray[np.float64]:
    """Returns the log-probabilities of the classes, float64, of the same shape as the scores."""
    shifted = scores.astype(np.float64) - scores.max(axis=-1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def balanced_weights(class_shares: ClassVector) -> ClassVector:
    """Returns weights ``1 / (C share)``, float64 ``[C]``, 0 for an absent class.

    Where every class is present, their mean over the draws is 1.
    """
    present = class_shares > 0
    return np.where(present, 1 / (len(class_shares) * np.where(present, class_shares, 1.0)), 0.0)


class PointwiseObjective(Objective):
    """A loss that looks at one example at a time, times the weight of the example's class."""

    def __init__(self, class_weights: ClassVector) -> None:
        self._class_weights = class_weights

    def losses(self, scores: Scores, labels: Labels) -> Losses:
        """Returns the weighted losses, float64 ``[q, b]``."""
        return self._class_weights[labels] * self._unweighted(scores, labels)

    def slopes(self, scores: Scores, labels: Labels) -> Slopes:
        """Returns the weighted derivatives, float64 ``[q, b, C]``."""
        return self._class_weights[labels][..., None] * self._unweighted_slopes(scores, labels)

    @abstractmethod
    def _unweighted(self, scores: Scores, labels: Labels) -> Losses: ...

    @abstractmethod
    def _unweighted_slopes(self, scores: Scores, labels: Labels) -> Slopes: ...


class CrossEntropy(PointwiseObjective):
    """``-log p_y``, p the softmax over the label words."""

    def _unweighted(self, scores: Scores, labels: Labels) -> Losses:
        return -_of_label(log_softmax(scores), labels)

    def _unweighted_slopes(self, scores: Scores, labels: Labels) -> Slopes:
        return -_log_p_slopes(scores, labels)


class LogitAdjusted(CrossEntropy):
    """Cross-entropy of ``s_k + tau log pi_k`` (Menon et al., ICLR 2021), pi the shares of the classes in the batches.

    Trained so, the scores as they are rank classes by their likelihood, whatever the prior. Stratified batches have
    equal shares, and then it is cross-entropy. The paper's pi are the shares of the training data; its batches have
    them too. Ours are not those of the draw, because stratified batches have corrected the prior once: the draw's
    shares would correct it twice. An absent class counts with the share of the rarest one.
    """

    def __init__(self, class_weights: ClassVector, class_shares: ClassVector, tau: float) -> None:
        super().__init__(class_weights)
        self._shifts = tau * np.log(np.maximum(class_shares, class_shares[class_shares > 0].min()))

    def _unweighted(self, scores: Scores, labels: Labels) -> Losses:
        return super()._unweighted(scores + self._shifts, labels)

    def _unweighted_slopes(self, scores: Scores, labels: Labels) -> Slopes:
        return super()._unweighted_slopes(scores + self._shifts, labels)


class Ldam(CrossEntropy):
    """Cross-entropy after taking a margin off the right class's score (LDAM; Cao et al., NeurIPS 2019).

        -log( exp(s_y - D_y) / (exp(s_y - D_y) + sum over wrong k of exp(s_k)) ),   D_j = margin (n_min / n_j)^(1/4)

    n_j is the number of training examples of class j, also where batches are stratified: the margin stands for how
    little a rare class is known. The paper scores by cosines with a scale; ours are the model's logits as they are.
    """

    def __init__(self, class_weights: ClassVector, counts: NDArray[np.int64], margin: float) -> None:
        super().__init__(class_weights)
        present = np.maximum(counts, counts[counts > 0].min())
        self._margins = margin * (present.min() / present) ** 0.25

    def _unweighted(self, scores: Scores, labels: Labels) -> Losses:
        return super()._unweighted(self._lowered(scores, labels), labels)

    def _unweighted_slopes(self, scores: Scores, labels: Labels) -> Slopes:
        return super()._unweighted_slopes(self._lowered(scores, labels), labels)

    def _lowered(self, scores: Scores, labels: Labels) -> Scores:
        lowered: Scores = scores - _is_label(scores, labels) * self._margins
        return lowered


class Focal(PointwiseObjective):
    """``-(1 - p_y)^gamma log p_y`` (Lin et al., ICCV 2017, eq. 4); gamma = 0 is cross-entropy."""

    def __init__(self, class_weights: ClassVector, gamma: float) -> None:
        super().__init__(class_weights)
        self._gamma = gamma

    def _unweighted(self, scores: Scores, labels: Labels) -> Losses:
        log_p = _of_label(log_softmax(scores), labels)
        return -np.power(-np.expm1(log_p), self._gamma) * log_p

    def _unweighted_slopes(self, scores: Scores, labels: Labels) -> Slopes:
        log_p = _of_label(log_softmax(scores), labels)
        missing = -np.expm1(log_p)  # 1 - p_y
        # (1 - p)^(gamma - 1) log p = (1 - p)^gamma (log p / (1 - p)), and the quotient tends to -1 as p does to 1.
        quotient = np.where(missing > 0, log_p / np.where(missing > 0, missing, 1.0), -1.0)
        in_log_p = np.power(missing, self._gamma) * (self._gamma * np.exp(log_p) * quotient - 1)
        return in_log_p[..., None] * _log_p_slopes(scores, labels)


class Hinge(PointwiseObjective):
    """``sum over wrong classes k of max(0, margin + s_k - s_y)``, in logits (BBT's hinge, margin 2)."""

    def __init__(self, class_weights: ClassVector, margin: float) -> None:
        super().__init__(class_weights)
        self._margin = margin

    def _unweighted(self, scores: Scores, labels: Labels) -> Losses:
        wide = scores.astype(np.float64)
        violations = np.maximum(0.0, self._margin + wide - _of_label(wide, labels)[..., None])
        losses: Losses = violations.sum(axis=-1) - self._margin  # the right class itself always adds the margin
        return losses

    def _unweighted_slopes(self, scores: Scores, labels: Labels) -> Slopes:
        wide, right = scores.astype(np.float64), _is_label(scores, labels)
        violated = (self._margin + wide - _of_label(wide, labels)[..., None] > 0) & ~right
        slopes: Slopes = violated - right * violated.sum(axis=-1, keepdims=True).astype(np.float64)
        return slopes


def _log_p_slopes(scores: Scores, labels: Labels) -> Slopes:
    """Returns the derivative of log p_y in the scores."""
    slopes: Slopes = _is_label(scores, labels) - np.exp(log_softmax(scores))
    return slopes


def _is_label(scores: Scores, labels: Labels) -> NDArray[np.bool_]:
    marks: NDArray[np.bool_] = labels[..., None] == np.arange(scores.shape[-1])
    return marks


def _of_label(values: NDArray[np.float64], labels: Labels) -> Losses:
    picked: Losses = np.take_along_axis(values, labels[..., None], axis=-1)[..., 0]
    return picked
