"""From class scores to a class: by a threshold chosen on dev for two classes, by the highest score for more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.special import expit, softmax

from zostudy.results.outcome import SplitScores


class Decision(BaseModel):
    """How scores become a class.

    Attributes:
        threshold: of two classes, the second one where its score exceeds the first one's by more than this;
            None: the class with the highest score.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float | None = None

    @property
    def probability(self) -> float | None:
        """The threshold as a softmax probability of the second class, or None."""
        return None if self.threshold is None else float(expit(self.threshold))

    def classes(self, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """Returns the classes, int64 ``[n]``, of scores ``[n, C]``."""
        if self.threshold is None:
            highest: NDArray[np.int64] = scores.argmax(axis=1)
            return highest
        return (_margins(scores) > self.threshold).astype(np.int64)


def choose_decision(dev: SplitScores) -> Decision:
    """Returns the threshold with the best balanced accuracy on dev; for more than two classes, argmax.

    Candidates are 0, which is argmax, and the middles between neighbouring margins; of equals, the one nearest to 0.
    """
    if dev.scores.shape[1] != 2:
        return Decision()
    margins = _margins(dev.scores)
    distinct = np.unique(margins)
    candidates = np.append((distinct[1:] + distinct[:-1]) / 2, 0.0)
    zeros, ones = (np.sort(margins[dev.labels == label]) for label in (0, 1))
    right_zeros = np.searchsorted(zeros, candidates, side="right") / len(zeros)
    right_ones = 1 - np.searchsorted(ones, candidates, side="right") / len(ones)
    balanced = right_zeros + right_ones
    best = candidates[balanced == balanced.max()]
    return Decision(threshold=float(best[np.abs(best).argmin()]))


def recalls(decision: Decision, split: SplitScores) -> NDArray[np.float64]:
    """Returns each class's recall on a split, float64 ``[C]``, NaN for a class without examples."""
    hits = decision.classes(split.scores) == split.labels
    return np.array(
        [hits[split.labels == k].mean() if (split.labels == k).any() else np.nan for k in range(split.scores.shape[1])]
    )


def probabilities(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the softmax of scores ``[n, C]`` over the classes; it is not calibrated."""
    shares: NDArray[np.float64] = softmax(scores.astype(np.float64), axis=1)
    return shares


def _margins(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    return scores[:, 1].astype(np.float64) - scores[:, 0]
