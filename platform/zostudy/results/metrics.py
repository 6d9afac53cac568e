"""The metrics of class scores on one split: how well they rank, decide and are calibrated.

All but the calibration error are scikit-learn's to the last bit, which tests check. Every trial's process would take
longer to import scikit-learn or scipy than to compute them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import DataError, NotFiniteError
from zostudy.methods.objectives.pointwise import log_softmax
from zostudy.results.decision import choose_decision, probabilities
from zostudy.results.outcome import SplitScores
from zostudy.results.schema import AT_DEV_THRESHOLD

CONFIDENCE_BINS = 15


def classification_metrics(
    scores: NDArray[np.float32], labels: NDArray[np.int32], minority: tuple[int, ...]
) -> dict[str, float]:
    """Returns the metrics of ``zostudy.results.schema.METRICS``.

    With two classes, ``auc`` and ``auprc`` (average precision) take the minority class as the positive one;
    with more they are macro averages of each class against the rest. Both rank by scores, never by predicted
    labels. The others go by the class with the highest score (argmax). Averages run over the classes that occur.

    Args:
        scores: float32 ``[n, C]`` logits.
        labels: int32 ``[n]`` true classes.
        minority: the minority classes, at least one.

    Raises:
        DataError: the labels hold a single class or no minority class, so that there is nothing to rank.
        NotFiniteError: a score is not finite.
    """
    _check(scores, np.unique(labels), minority)
    predicted = scores.argmax(axis=1)
    return {
        **_ranking_metrics(scores, labels, minority),
        **decision_metrics(predicted, labels, minority),
        "accuracy": float(np.mean(predicted == labels)),
        "expected_calibration_error": _calibration_error(scores, labels),
    }


def decision_metrics(
    predicted: NDArray[np.int64], labels: NDArray[np.int32], minority: tuple[int, ...]
) -> dict[str, float]:
    """Returns the metrics of ``zostudy.results.schema.DECISION_METRICS``, which judge classes however they were chosen.

    ``minority_recall`` is the mean recall over the minority classes. ``mcc`` is the Matthews correlation coefficient,
    with more than two classes R_K (Gorodkin 2004); it is 0 where a single class is predicted.

    Args:
        predicted: int64 ``[n]`` classes.
        labels: int32 ``[n]`` true classes, at least two of them and a minority class.
        minority: the minority classes.
    """
    counts = _confusion(predicted, labels)
    recall = {int(label): float(np.mean(predicted[labels == label] == label)) for label in np.unique(labels)}
    return {
        "balanced_accuracy": float(np.mean(list(recall.values()))),
        "minority_recall": float(np.mean([recall[label] for label in minority if label in recall])),
        "macro_f1": float(np.mean(2 * np.diag(counts) / (counts.sum(axis=1) + counts.sum(axis=0)))),
        "mcc": _correlation(counts),
    }


def metrics_at_dev_threshold(dev: SplitScores, test: SplitScores, minority: tuple[int, ...]) -> dict[str, float]:
    """Returns the decision metrics of test at the threshold that dev chooses, named as in ``schema.TEST_METRICS``.

    With more than two classes there is no threshold, and there are no metrics.
    """
    decision = choose_decision(dev)
    if decision.threshold is None:
        return {}
    decided = decision_metrics(decision.classes(test.scores), test.labels, minority)
    return {f"{name}{AT_DEV_THRESHOLD}": value for name, value in decided.items()}


def largest_share(scores: NDArray[np.float32]) -> float:
    """Returns the largest share of the rows of scores ``[n, C]`` that argmax gives one class, above 0 and at most 1."""
    return float(np.bincount(scores.argmax(axis=1)).max() / len(scores))


def balanced_cross_entropy(scores: NDArray[np.float32], labels: NDArray[np.int32]) -> float:
    """Returns the mean over the classes that occur of their mean cross-entropy, -log softmax, at least 0.

    Every class weighs alike, so that a training draw and test can be compared whatever their proportions are.

    Args:
        scores: finite float32 ``[n, C]`` logits.
        labels: int32 ``[n]`` true classes.
    """
    losses = -log_softmax(scores)[np.arange(len(labels)), labels]
    return float(np.mean([losses[labels == label].mean() for label in np.unique(labels)]))


def confidence_bins(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Returns the bin of each confidence, from 0: ``CONFIDENCE_BINS`` of equal width, which are open on the left."""
    return np.searchsorted(np.linspace(0, 1, CONFIDENCE_BINS + 1)[1:-1], confidence)


def _calibration_error(scores: NDArray[np.float32], labels: NDArray[np.int32]) -> float:
    """Returns the expected calibration error of the softmax probabilities (Guo et al. 2017, equation 3).

    That is the mean distance between confidence, the highest probability of a row, and accuracy, over the
    ``confidence_bins``, weighted by their rows.
    """
    confidence = probabilities(scores).max(axis=1)
    right = scores.argmax(axis=1) == labels
    return float(np.abs(np.bincount(confidence_bins(confidence), weights=right - confidence)).sum() / len(labels))


def _ranking_metrics(
    scores: NDArray[np.float32], labels: NDArray[np.int32], minority: tuple[int, ...]
) -> dict[str, float]:
    odds = _log_odds(scores)
    positives = minority[:1] if scores.shape[1] == 2 else tuple(np.unique(labels))
    curves = [_hits_and_misses(labels == positive, odds[:, positive]) for positive in positives]
    return {
        "auc": float(np.mean([_auc(hits, misses) for hits, misses in curves])),
        "auprc": float(np.mean([_average_precision(hits, misses) for hits, misses in curves])),
    }


def _hits_and_misses(
    truth: NDArray[np.bool_], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns how many positives and negatives are at or above each distinct value, float64, from the highest on."""
    order = np.argsort(values, kind="mergesort")[::-1]
    last = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    hits = np.cumsum(truth[order], dtype=np.float64)[last]
    return hits, 1 + last - hits


def _auc(hits: NDArray[np.float64], misses: NDArray[np.float64]) -> float:
    """Returns the area under the ROC curve, by trapezoids between the points at which it bends."""
    bends = np.r_[True, (np.diff(hits, 2) != 0) | (np.diff(misses, 2) != 0), True] if len(hits) > 2 else slice(None)
    true, false = (np.r_[0.0, count[bends] / count[-1]] for count in (hits, misses))
    return float((np.diff(false) * (true[1:] + true[:-1]) / 2.0).sum())


def _average_precision(hits: NDArray[np.float64], misses: NDArray[np.float64]) -> float:
    """Returns the mean precision over the steps of recall, from the lowest value on."""
    recall, precision = np.r_[0.0, hits / hits[-1]][::-1], (hits / (hits + misses))[::-1]
    return float(-(np.diff(recall) * precision).sum())


def _confusion(predicted: NDArray[np.int64], labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Returns how many rows of each class are given each class, float64, of the classes that occur on either side."""
    classes = np.union1d(labels, predicted)
    size = len(classes)
    cells = np.searchsorted(classes, labels) * size + np.searchsorted(classes, predicted)
    return np.bincount(cells, minlength=size * size).reshape(size, size).astype(np.float64)


def _correlation(counts: NDArray[np.float64]) -> float:
    """Returns R_K of a confusion matrix, 0 where one side is constant."""
    true, guessed, n = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    spread = (n**2 - np.dot(true, true)) * (n**2 - np.dot(guessed, guessed))
    return float((np.trace(counts) * n - np.dot(true, guessed)) / np.sqrt(spread)) if spread else 0.0


def _log_odds(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns log p/(1-p) of each class's softmax probability, ``[n, C]``.

    It ranks as the probability does, but does not saturate at 0 and 1, where confident scores would tie.
    """
    logits = scores.astype(np.float64)
    odds = np.empty_like(logits)
    for label in range(logits.shape[1]):
        gaps = np.delete(logits, label, axis=1) - logits[:, [label]]
        # Sorted, so that rounding cannot break the tie of two rows that differ in the order of classes only.
        odds[:, label] = -np.logaddexp.reduce(np.sort(gaps, axis=1), axis=1)
    return odds


def _check(scores: NDArray[np.float32], present: NDArray[np.int32], minority: tuple[int, ...]) -> None:
    there = f"it holds {present.tolist()}"
    if len(present) < 2:
        rule = "a split must hold at least two classes to be measured"
        raise DataError(rule, got=there, remedy="give data with examples of the others")
    if not set(minority) & set(present.tolist()):
        rule = f"a split must hold a minority class {list(minority)}"
        remedy = "name another minority class, or give data with examples of it"
        raise DataError(rule, got=there, remedy=remedy)
    if not np.isfinite(scores).all():
        raise NotFiniteError("a class score is not finite")
