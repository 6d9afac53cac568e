from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, f1_score, log_loss, matthews_corrcoef, roc_auc_score
from sklearn.utils.class_weight import compute_sample_weight

from zostudy.errors import DataError, NotFiniteError
from zostudy.results.decision import Decision
from zostudy.results.metrics import (
    balanced_cross_entropy,
    classification_metrics,
    decision_metrics,
    largest_share,
    metrics_at_dev_threshold,
)
from zostudy.results.outcome import SplitScores
from zostudy.results.schema import DECISION_METRICS, METRICS, TEST_METRICS, bounds, lower_is_better


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
        "mcc": correlation(labels, predicted),
        "accuracy": float(np.mean(labels == predicted)),
        "expected_calibration_error": calibration_error(scores, labels),
    }


def correlation(labels: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Gorodkin's R_K: the correlation of indicator vectors; 0 where one side is constant."""
    classes = sorted({*labels.tolist(), *predicted.tolist()})
    truth, guess = (
        [[float(value == c) for c in classes] for value in values] for values in (labels.tolist(), predicted.tolist())
    )

    def covariance(one: list[list[float]], other: list[list[float]]) -> float:
        total, n = 0.0, len(one)
        for c in range(len(classes)):
            means = [sum(row[c] for row in rows) / n for rows in (one, other)]
            total += sum((a[c] - means[0]) * (b[c] - means[1]) for a, b in zip(one, other, strict=True)) / n
        return total

    spreads = covariance(truth, truth) * covariance(guess, guess)
    return covariance(truth, guess) / math.sqrt(spreads) if spreads > 1e-12 else 0.0


def calibration_error(scores: NDArray[Any], labels: NDArray[Any], n_bins: int = 15) -> float:
    """Guo's sum over bins ((m - 1) / M, m / M], row by row."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for row, label in zip(scores.astype(np.float64), labels, strict=True):
        exponentials = [math.exp(value - max(row)) for value in row]
        confidence = max(exponentials) / sum(exponentials)
        bins.setdefault(max(1, math.ceil(confidence * n_bins)), []).append((confidence, int(row.argmax()) == label))
    gaps = [
        len(rows) * abs(np.mean([right for _, right in rows]) - np.mean([confidence for confidence, _ in rows]))
        for rows in bins.values()
    ]
    return float(sum(gaps) / len(labels))


@pytest.mark.slow
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


@pytest.mark.slow
@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32), n=st.integers(3, 400), values=st.sampled_from([3, 30, 10**6]), classes=st.integers(2, 4)
)
def test_the_numbers_are_those_of_scikit_learn_to_the_last_bit(seed: int, n: int, values: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    scores = np.zeros((n, classes), dtype=np.float32)
    scores[:, : classes - 1] = random.integers(values, size=(n, classes - 1)) / np.float32(values / 8)
    labels = np.append([0, 1], random.integers(classes, size=n - 2)).astype(np.int32)
    found = classification_metrics(scores, labels, (1,))
    predicted = scores.argmax(axis=1)
    assert found["macro_f1"] == f1_score(labels, predicted, average="macro", zero_division=0.0)
    assert found["mcc"] == matthews_corrcoef(labels, predicted)
    if classes == 2:
        odds = scores[:, 1].astype(np.float64) - scores[:, 0]
        assert found["auc"] == roc_auc_score(labels == 1, odds)
        assert found["auprc"] == average_precision_score(labels == 1, odds)


@settings(deadline=None)
@given(data=st.data(), n_classes=st.integers(2, 4), n=st.integers(4, 200))
def test_the_calibration_error_is_that_of_the_curve_of_scikit_learn(
    data: st.DataObject, n_classes: int, n: int
) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    scores = random.normal(scale=3, size=(n, n_classes)).astype(np.float32)
    labels = np.append([0, n_classes - 1], random.integers(n_classes, size=n - 2)).astype(np.int32)
    confidence = softmax(scores.astype(np.float64), axis=1).max(axis=1)
    accuracies, confidences = calibration_curve(scores.argmax(axis=1) == labels, confidence, n_bins=15)
    counts = np.histogram(confidence, bins=np.linspace(0, 1, 16))[0]
    expected = (np.abs(accuracies - confidences) * counts[counts > 0]).sum() / n
    found = classification_metrics(scores, labels, (0,))["expected_calibration_error"]
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_calibration_error_tells_confident_mistakes_from_doubt() -> None:
    labels = np.array([0, 0, 0, 1], dtype=np.int32)
    sure = np.array([[20, 0]] * 4, dtype=np.float32)
    doubtful = np.array([[math.log(3), 0]] * 4, dtype=np.float32)
    errors = [classification_metrics(scores, labels, (1,))["expected_calibration_error"] for scores in (sure, doubtful)]
    assert errors == pytest.approx([0.25, 0.0], abs=1e-6)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    # Right at a confidence of 5/15, wrong at 0.37: one bin would let the two make up for each other.
    scores = np.array([[0, 0, 0], [math.log(0.37 / 0.315), 0, 0]], dtype=np.float32)
    found = classification_metrics(scores, np.array([0, 1], dtype=np.int32), (1,))
    assert found["expected_calibration_error"] == pytest.approx((2 / 3 + 0.37) / 2, abs=1e-6)


def test_a_decision_is_judged_however_it_was_made() -> None:
    scores = np.array([[5, 0], [4, 0], [3, 0], [2, 0]], dtype=np.float32)
    labels = np.array([0, 0, 0, 1], dtype=np.int32)
    by_argmax = classification_metrics(scores, labels, (1,))
    constant = decision_metrics(scores.argmax(axis=1), labels, (1,))
    assert constant == {name: by_argmax[name] for name in DECISION_METRICS}
    assert constant == {"balanced_accuracy": 0.5, "minority_recall": 0.0, "macro_f1": pytest.approx(3 / 7), "mcc": 0.0}
    moved = decision_metrics(Decision(threshold=-2.5).classes(scores), labels, (1,))
    assert moved == {"balanced_accuracy": 1.0, "minority_recall": 1.0, "macro_f1": 1.0, "mcc": 1.0}


def test_test_is_measured_at_the_threshold_of_dev_and_not_at_its_own() -> None:
    def split(margins: list[float], labels: list[int]) -> SplitScores:
        scores = np.array([[0.0, margin] for margin in margins], dtype=np.float32)
        return SplitScores(np.arange(len(labels)), np.array(labels, dtype=np.int32), scores)

    # The threshold of dev is -5; that of test itself would be -3.75, and find one of the last two rows.
    dev, test = split([-8, -8, -2], [0, 0, 1]), split([-6, -4, -4, -1], [0, 0, 1, 1])
    assert metrics_at_dev_threshold(dev, test, (1,)) == {
        "balanced_accuracy_at_dev_threshold": 0.75,
        "minority_recall_at_dev_threshold": 1.0,
        "macro_f1_at_dev_threshold": pytest.approx((2 / 3 + 4 / 5) / 2),
        "mcc_at_dev_threshold": pytest.approx(1 / math.sqrt(3)),
    }
    three = SplitScores(np.arange(3), np.arange(3, dtype=np.int32), np.eye(3, dtype=np.float32))
    assert metrics_at_dev_threshold(three, three, (2,)) == {}


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_the_largest_share_is_that_of_the_class_that_is_predicted_most_often(predicted: list[int]) -> None:
    scores = np.eye(3, dtype=np.float32)[predicted]
    assert largest_share(scores) == max(predicted.count(label) for label in range(3)) / len(predicted)


@given(
    st.lists(st.tuples(st.integers(0, 2), *[st.integers(-10, 10)] * 3), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_the_loss_is_scikit_learns_with_balanced_classes(rows: list[tuple[int, ...]], repeats: int) -> None:
    rows += rows[:1] * repeats  # a class that is more frequent weighs no more
    labels = np.array([row[0] for row in rows], dtype=np.int32)
    scores = np.array([row[1:] for row in rows], dtype=np.float32)
    odds, weights = np.exp(scores.astype(np.float64)), compute_sample_weight("balanced", labels)
    chances = odds / odds.sum(axis=1, keepdims=True)
    expected = log_loss(labels, chances, sample_weight=weights, labels=[0, 1, 2])
    assert balanced_cross_entropy(scores, labels) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("metric", [*METRICS, *TEST_METRICS])
def test_bounds_and_directions_are_those_of_the_best_and_the_worst(metric: str) -> None:
    labels = np.array([0, 1], dtype=np.int32)
    right = np.array([[40, 0], [0, 40]], dtype=np.float32)
    best, worst = (classification_metrics(scores, labels, (1,)) for scores in (right, -right))
    name = metric.removesuffix("_at_dev_threshold")
    ends = (best[name], worst[name]) if lower_is_better(name) else (worst[name], best[name])
    if name != "auprc":  # whose lowest value depends on the share of the positives
        assert ends == pytest.approx(bounds(f"test_{metric}"))
    assert lower_is_better(f"dev_{name}") == (best[name] < worst[name])


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
