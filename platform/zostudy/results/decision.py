"""From class scores to a class. Ranking and deciding are two things: scores that rank well may lean to one class.

Of two classes the decision is made at a threshold that dev chooses, by one rule, which a trial, its export and
``predict`` share. Of more classes the one with the highest score is taken: no single number moves such a decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zostudy.results.outcome import SplitScores

ENOUGH_ROWS = 20
"""Rows of the rarer class of dev from which on the threshold is searched.

With 20 of them, in twelve cases (three embedded models and minilm on three data sets, tuned and not), the middle of the
class means and the searched threshold came to the same balanced accuracy on test: .000 apart in the mean, the middle
ahead by up to .027 where scores are weak, behind by up to .042 where they are strong. Fewer rows were not measured:
there a single one moves the recall that is searched by more than .05, and a mean of margins by its share alone.
"""


@dataclass(frozen=True)
class Decision:
    """The rule by which scores become a class.

    Attributes:
        threshold: of two classes, the second one where its score exceeds the first one's by more than this;
            None: the class with the highest score.
    """

    threshold: float | None = None

    @property
    def probability(self) -> float | None:
        """The threshold as a softmax probability of the second class, or None."""
        from scipy.special import expit  # slow to import, and a comparison needs only the constant of this file

        return None if self.threshold is None else float(expit(self.threshold))

    def classes(self, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """Returns the classes, int64 ``[n]``, of scores ``[n, C]``."""
        if self.threshold is None:
            highest: NDArray[np.int64] = scores.argmax(axis=1)
            return highest
        return (_margins(scores) > self.threshold).astype(np.int64)


def choose_decision(dev: SplitScores) -> Decision:
    """Returns the decision that dev chooses: the highest score for more than two classes, else a threshold.

    With ``ENOUGH_ROWS`` of each class it is the threshold with the best balanced accuracy on dev; with fewer it lies
    in the middle between the classes' mean margins.
    """
    if dev.scores.shape[1] != 2:
        return Decision()
    margins = _margins(dev.scores)
    zeros, ones = margins[dev.labels == 0], margins[dev.labels == 1]
    threshold = _searched(zeros, ones) if is_searched(dev) else float(zeros.mean() + ones.mean()) / 2
    return Decision(threshold=threshold)


def is_searched(dev: SplitScores) -> bool:
    """Returns whether dev has enough rows of both classes for a search."""
    return bool(np.bincount(dev.labels, minlength=2).min() >= ENOUGH_ROWS)


def _searched(zeros: NDArray[np.float64], ones: NDArray[np.float64]) -> float:
    """Returns the threshold with the best balanced accuracy.

    Candidates are 0, which is argmax, and the middles between neighbouring margins; of equals, the one nearest to 0.
    """
    distinct = np.unique(np.concatenate([zeros, ones]))
    candidates = np.append((distinct[1:] + distinct[:-1]) / 2, 0.0)
    right_zeros = np.searchsorted(np.sort(zeros), candidates, side="right")
    right_ones = len(ones) - np.searchsorted(np.sort(ones), candidates, side="right")
    balanced = right_zeros * len(ones) + right_ones * len(zeros)  # whole numbers: shares that are equal may round apart
    best = candidates[balanced == balanced.max()]
    return float(best[np.abs(best).argmin()])


def recalls(decision: Decision, split: SplitScores) -> NDArray[np.float64]:
    """Returns each class's recall on a split, float64 ``[C]``, NaN for a class without examples."""
    hits = decision.classes(split.scores) == split.labels
    return np.array(
        [hits[split.labels == k].mean() if (split.labels == k).any() else np.nan for k in range(split.scores.shape[1])]
    )


def probabilities(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the softmax of scores ``[n, C]`` over the classes, as scipy's to the last bit; it is not calibrated."""
    odds = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def _margins(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    return scores[:, 1].astype(np.float64) - scores[:, 0]
