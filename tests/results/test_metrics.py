from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zostudy.errors import DataError, NotFiniteError
from zostudy.results.metrics import classification_metrics
from zostudy.results.schema import METRICS


def pairwise_auc(positive: NDArray[Any], negative: NDArray[Any]) -> float:
    """The share of (positive, negative) pairs in the right order, ties counted half."""
    pairs = [(p > n) + 0.5 * (p == n) for p, n in itertools.product(positive, negative)]
    return float(np.mean(pairs))


def stepwise_precision(truth: NDArray[Any], value: NDArray[Any]) -> float:
    """The sum over distinct thresholds of (gain in recall) x precision."""
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(value), reverse=True):
        chosen = value >= threshold
        recall = (truth & chosen).sum() / truth.sum()
        area += (recall - recall_before) * (truth & chosen).sum() / chosen.sum()
        recall_before = recall
    return area


def by_definition(scores: NDArray[Any], labels: NDArray[Any], minority: tuple[int, ...]) -> dict[str, float]:
    predicted = np.array([max(range(len(row)), key=lambda c: (row[c], -c)) for row in scores])
    present = sorted(set(labels))
    positives = minority[:1] if scores.shape[1] == 2 else present
    auc, auprc = [], []
    for c in positives:
        # Whole-numbered gaps and an exactly rounded sum: what ties in theory ties here.
        gaps = np.delete(scores, c, axis=1).astype(np.float64) - scores[:, [c]]
        value = np.array([-math.log(math.fsum(map(math.exp, row))) for row in gaps])
        auc.append(pairwise_auc(value[labels == c], value[labels != c]))
        auprc.append(stepwise_precision(labels == c, value))
    recall = {c: np.mean(predicted[labels == c] == c) for c in present}
    f1 = [
        2 * np.sum((labels == c) & (predicted == c)) / (np.sum(labels == c) + np.sum(predicted == c))
        for c in sorted({*present, *predicted})
    ]
    return {
        "auc": float(np.mean(auc)),
        "auprc": float(np.mean(auprc)),
        "balanced_accuracy": float(np.mean(list(recall.values()))),
        "minority_recall": float(np.mean([recall[c] for c in minority if c in recall])),
        "macro_f1": float(np.mean(f1)),
        "accuracy": float(np.mean(labels == predicted)),
    }


@settings(deadline=None)
@given(data=st.data(), n_classes=st.integers(2, 4), n=st.integers(2, 25))
def test_every_metric_equals_its_definition(data: st.DataObject, n_classes: int, n: int) -> None:
    # Whole-numbered logits make ties common.
    logits = data.draw(st.lists(st.integers(-3, 3), min_size=n * n_classes, max_size=n * n_classes))
    scores = np.array(logits, dtype=np.float32).reshape(n, n_classes)
    labels = np.array(data.draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n)), dtype=np.int32)
    labels[:2] = [0, n_classes - 1]
    minority = data.draw(st.sampled_from([(0,), (n_classes - 1,)]))
    measured = classification_metrics(scores, labels, minority)
    assert list(measured) == list(METRICS)
    expected = by_definition(scores, labels, minority)
    for metric in METRICS:
        assert measured[metric] == pytest.approx(expected[metric], abs=1e-6), metric


def test_auc_ranks_by_scores_and_not_by_labels() -> None:
    # Every example is predicted as class 0, and yet all are in the right order.
    scores = np.array([[5, 0], [4, 0], [3, 0], [2, 0]], dtype=np.float32)
    metrics = classification_metrics(scores, np.array([0, 0, 0, 1], dtype=np.int32), (1,))
    assert metrics["auc"] == 1.0
    assert metrics["minority_recall"] == 0.0
    assert metrics["balanced_accuracy"] == 0.5
    assert metrics["accuracy"] == 0.75


def test_confident_scores_do_not_tie() -> None:
    # Both softmax probabilities round to 1.
    scores = np.array([[0, 60], [0, 50]], dtype=np.float32)
    assert classification_metrics(scores, np.array([1, 0], dtype=np.int32), (1,))["auc"] == 1.0


def test_minority_recall_is_the_mean_over_the_minority_classes() -> None:
    scores = np.eye(3, dtype=np.float32)[[0, 1, 0, 0, 2, 0]]
    labels = np.array([0, 1, 1, 1, 2, 0], dtype=np.int32)
    recall = classification_metrics(scores, labels, (1, 2))["minority_recall"]
    assert recall == pytest.approx((1 / 3 + 1) / 2)


def test_labels_of_one_class_are_refused() -> None:
    scores = np.zeros((2, 2), dtype=np.float32)
    with pytest.raises(DataError, match=r"at least two classes.*\[1\]"):
        classification_metrics(scores, np.array([1, 1], dtype=np.int32), (1,))
    with pytest.raises(DataError, match=r"at least two classes.*\[\]"):
        classification_metrics(scores[:0], np.zeros(0, dtype=np.int32), (1,))


def test_labels_without_a_minority_class_are_refused() -> None:
    scores = np.zeros((2, 3), dtype=np.float32)
    with pytest.raises(DataError, match=r"minority class \[2\]"):
        classification_metrics(scores, np.array([0, 1], dtype=np.int32), (2,))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    scores = np.array([[0, value], [1, 0]], dtype=np.float32)
    with pytest.raises(NotFiniteError):
        classification_metrics(scores, np.array([0, 1], dtype=np.int32), (1,))
