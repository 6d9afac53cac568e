from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score

from zostudy.results.decision import (
    ENOUGH_ROWS,
    Decision,
    choose_decision,
    is_searched,
    probabilities,
    recalls,
)
from zostudy.results.outcome import SplitScores

# Few different values, so that margins tie within and between the classes.
MARGINS = st.integers(-6, 6)
MANY = st.lists(MARGINS, min_size=ENOUGH_ROWS, max_size=30)
FEW = st.lists(MARGINS, min_size=1, max_size=ENOUGH_ROWS - 1)


def split(labels: list[int], margins: Sequence[float]) -> SplitScores:
    scores = np.array([[1.0, 1.0 + margin] for margin in margins], dtype=np.float32)
    return SplitScores(np.arange(len(labels)), np.array(labels, dtype=np.int32), scores)


@pytest.mark.slow
@given(MANY, MANY)
def test_no_threshold_is_better_on_dev_and_the_nearest_to_zero_is_taken(zeros: list[int], ones: list[int]) -> None:
    labels, margins = [0] * len(zeros) + [1] * len(ones), zeros + ones
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


@given(FEW, MANY, st.booleans())
def test_with_few_rows_of_a_class_the_threshold_lies_in_the_middle_of_the_class_means(
    few: list[int], many: list[int], rare_first: bool
) -> None:
    zeros, ones = (few, many) if rare_first else (many, few)
    labels = [0] * len(zeros) + [1] * len(ones)
    order = np.random.default_rng(0).permutation(len(labels))
    dev = split([labels[k] for k in order], [(zeros + ones)[k] for k in order])
    assert choose_decision(dev).threshold == pytest.approx((fmean(zeros) + fmean(ones)) / 2, abs=1e-9)


def test_the_rule_changes_at_20_rows_of_both_classes() -> None:
    # A search leaves out the far row; the means do not.
    def chosen(n_ones: int) -> float | None:
        return choose_decision(split([0] * 40 + [1] * n_ones, [-1.0] * 40 + [1.0] * (n_ones - 1) + [101.0])).threshold

    assert chosen(20) == 0
    assert chosen(19) == pytest.approx(100 / 19 / 2)
    one_less, enough = (split([0] * n + [1] * 40, [0.0] * (n + 40)) for n in (19, 20))
    assert (is_searched(one_less), is_searched(enough)) == (False, True)


def test_scores_that_lean_to_the_majority_are_decided_well_at_the_threshold_and_badly_by_argmax() -> None:
    random = np.random.default_rng(0)

    def drawn(n_ones: int, n_zeros: int) -> SplitScores:
        margins = np.concatenate([random.normal(-5, 1, n_zeros), random.normal(-1.5, 1, n_ones)])
        return split([0] * n_zeros + [1] * n_ones, margins.tolist())

    test = drawn(500, 500)
    for n_ones in (5, ENOUGH_ROWS):
        decision = choose_decision(drawn(n_ones, 10 * n_ones))
        assert recalls(decision, test).mean() > 0.9
    assert recalls(Decision(), test).mean() < 0.6


def test_a_margin_of_the_threshold_itself_is_the_first_class_as_argmax_has_it() -> None:
    scores = np.array([[1.0, 1.0], [1.0, 1.5], [1.5, 1.0]], dtype=np.float32)
    assert Decision(threshold=0.0).classes(scores).tolist() == scores.argmax(axis=1).tolist() == [0, 1, 0]
    assert Decision(threshold=0.5).classes(scores).tolist() == [0, 0, 0]


def test_the_threshold_is_a_probability_too() -> None:
    decision, scores = Decision(threshold=0.7), np.array([[0.0, 0.7]], dtype=np.float32)
    assert decision.probability == pytest.approx(probabilities(scores)[0, 1])


def test_probabilities_are_the_softmax_of_scipy_to_the_last_bit() -> None:
    scores = (30 * np.random.default_rng(0).standard_normal((500, 3))).astype(np.float32)
    np.testing.assert_array_equal(probabilities(scores), softmax(scores.astype(np.float64), axis=1))


def test_more_classes_go_by_the_highest_score() -> None:
    scores = np.array([[0, 2, 1], [3, 2, 1], [0, 0, 1]], dtype=np.float32)
    three = SplitScores(np.arange(3), np.array([1, 0, 1], dtype=np.int32), scores)
    decision = choose_decision(three)
    assert decision == Decision(threshold=None)
    assert decision.probability is None
    assert decision.classes(scores).tolist() == [1, 0, 2]
    np.testing.assert_array_equal(recalls(decision, three), [1.0, 0.5, np.nan])
