"""The metrics of class scores on one split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import DataError, NotFiniteError


def classification_metrics(
    scores: NDArray[np.float32], labels: NDArray[np.int32], minority: tuple[int, ...]
) -> dict[str, float]:
    """Returns the six metrics of ``zostudy.results.schema.METRICS``, each from 0 to 1, higher is better.

    With two classes, ``auc`` and ``auprc`` (average precision) take the minority class as the positive one;
    with more they are macro averages of each class against the rest. Both rank by scores, never by predicted
    labels. ``minority_recall`` is the mean recall over the minority classes. Averages run over the classes
    that occur.

    Args:
        scores: float32 ``[n, C]`` logits.
        labels: int32 ``[n]`` true classes.
        minority: the minority classes, at least one.

    Raises:
        DataError: the labels hold a single class or no minority class, so that there is nothing to rank.
        NotFiniteError: a score is not finite.
    """
    from sklearn.metrics import accuracy_score, f1_score

    present = np.unique(labels)
    _check(scores, present, minority)
    predicted = scores.argmax(axis=1)
    recall = {int(label): float(np.mean(predicted[labels == label] == label)) for label in present}
    return {
        **_ranking_metrics(scores, labels, minority),
        "balanced_accuracy": float(np.mean(list(recall.values()))),
        "minority_recall": float(np.mean([recall[label] for label in minority if label in recall])),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0.0)),
        "accuracy": float(accuracy_score(labels, predicted)),
    }


def _ranking_metrics(
    scores: NDArray[np.float32], labels: NDArray[np.int32], minority: tuple[int, ...]
) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    odds = _log_odds(scores)
    positives = minority[:1] if scores.shape[1] == 2 else tuple(np.unique(labels))
    pairs = [(labels == positive, odds[:, positive]) for positive in positives]
    return {
        "auc": float(np.mean([roc_auc_score(truth, odd) for truth, odd in pairs])),
        "auprc": float(np.mean([average_precision_score(truth, odd) for truth, odd in pairs])),
    }


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
