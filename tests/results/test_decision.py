from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score

from zostudy.results.decision import Decision, choose_decision, probabilities, recalls
from zostudy.results.outcome import SplitScores

# Few different values, so that margins tie within and between the classes.
EXAMPLES = st.lists(st.tuples(st.integers(0, 1), st.integers(-6, 6)), min_size=2, max_size=30).filter(
    lambda rows: {label for label, _ in rows} == {0, 1}
)


def split(labels: list[int], margins: list[float]) -> SplitScores:
    scores = np.array([[1.0, 1.0 + margin] for margin in margins], dtype=np.float32)
    return SplitScores(np.arange(len(labels)), np.array(labels, dtype=np.int32), scores)


@given(EXAMPLES)
def test_no_threshold_is_better_on_dev_and_the_nearest_to_zero_is_taken(rows: list[tuple[int, int]]) -> None:
    labels, margins = map(list, zip(*rows, strict=True))
    dev = split(labels, margins)
    decision = choose_decision(dev)
    assert decision.threshold is not None
    found = balanced_accuracy_score(labels, decision.classes(dev.scores))
    values = sorted(set(margins))
    between = [(a + b) / 2 for a, b in pairwise(values)] + [0.0]
    reached = {at: balanced_accuracy_score(labels, np.array(margins) > at) for at in between}
    assert found == pytest.approx(max(reached.values()), abs=1e-12)
    equal = [abs(at) for at, value in reached.items() if value > found - 1e-9]
    assert abs(decision.threshold) == min(equal)
    np.testing.assert_allclose(recalls(decision, dev).mean(), found)


def test_a_margin_of_the_threshold_itself_is_the_first_class_as_argmax_has_it() -> None:
    scores = np.array([[1.0, 1.0], [1.0, 1.5], [1.5, 1.0]], dtype=np.float32)
    assert Decision(threshold=0.0).classes(scores).tolist() == scores.argmax(axis=1).tolist() == [0, 1, 0]
    assert Decision(threshold=0.5).classes(scores).tolist() == [0, 0, 0]


def test_the_threshold_is_a_probability_too() -> None:
    decision, scores = Decision(threshold=0.7), np.array([[0.0, 0.7]], dtype=np.float32)
    assert decision.probability == pytest.approx(probabilities(scores)[0, 1])
    np.testing.assert_allclose(probabilities(scores), softmax(scores, axis=1), rtol=1e-6)


def test_more_classes_go_by_the_highest_score() -> None:
    scores = np.array([[0, 2, 1], [3, 2, 1], [0, 0, 1]], dtype=np.float32)
    three = SplitScores(np.arange(3), np.array([1, 0, 1], dtype=np.int32), scores)
    decision = choose_decision(three)
    assert decision == Decision(threshold=None)
    assert decision.probability is None
    assert decision.classes(scores).tolist() == [1, 0, 2]
    np.testing.assert_array_equal(recalls(decision, three), [1.0, 0.5, np.nan])
