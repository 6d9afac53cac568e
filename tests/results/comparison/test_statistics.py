from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zostudy.results.comparison.statistics import (
    LEAST_PAIRS,
    Bounds,
    Interval,
    bounded_interval,
    holm,
    paired_test,
    pairs_needed,
    prediction_bound,
    t_interval,
)

SCORES = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
THOUSANDTHS = st.tuples(st.integers(0, 1000), st.integers(0, 1000))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=12, unique=True))
def test_interval_is_students(values: list[float]) -> None:
    low, high = scipy.stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert t_interval(values) == pytest.approx((np.mean(values), low, high), abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=12, unique=True), st.integers(1, 9))
def test_a_prediction_bound_is_students_on_the_scale_of_the_logit(shares: list[float], further: int) -> None:
    n, mean = len(shares), np.mean(shares)
    scale = np.std(shares, ddof=1) * math.sqrt(1 / n + 1 / further) / (mean * (1 - mean))
    bound = scipy.stats.t.ppf(0.95, n - 1, loc=scipy.special.logit(mean), scale=scale)
    assert prediction_bound(shares, further) == pytest.approx(scipy.special.expit(bound), abs=1e-9)


def test_a_prediction_bound_needs_two_values_and_is_their_mean_at_an_end() -> None:
    assert (prediction_bound([], 1), prediction_bound([0.5], 1)) == (None, None)
    assert (prediction_bound([1.0, 1.0], 1), prediction_bound([0.0, 0.0], 1)) == (1.0, 0.0)


@pytest.mark.parametrize(("n", "further"), [(3, 1), (5, 1), (5, 3), (10, 1)])
def test_a_prediction_bound_is_passed_about_as_seldom_as_it_says(n: int, further: int) -> None:
    draws = np.random.default_rng(1).beta(30, 10, size=(4000, n + further))
    passed = 0
    for seen, mean in zip(draws[:, :n].tolist(), draws[:, n:].mean(axis=1).tolist(), strict=True):
        bound = prediction_bound(seen, further)
        passed += bound is not None and mean > bound
    assert passed / len(draws) == pytest.approx(0.05, abs=0.02)


@settings(deadline=None)
@given(st.lists(THOUSANDTHS, min_size=2, max_size=9), st.integers(3, 12))
def test_pairs_are_needed_until_scipy_finds_the_same_mean_and_spread_significant(
    pairs: list[tuple[int, int]], most: int
) -> None:
    ours, theirs = ({number: pair[i] / 1000 for number, pair in enumerate(pairs)} for i in (0, 1))
    differences = np.array([(a - b) / 1000 for a, b in pairs])
    mean, spread = differences.mean(), differences.std(ddof=1)
    assume(spread > 1e-6)
    enough = [
        n
        for n in range(len(pairs) + 1, most + 1)
        if 2 * scipy.stats.t.sf(abs(mean) / spread * math.sqrt(n), n - 1) < 0.05
    ]
    assert pairs_needed(paired_test(ours, theirs), most) == (enough[0] if enough else None)


def test_of_one_pair_no_number_that_is_needed_is_known() -> None:
    assert pairs_needed(paired_test({0: 0.5}, {0: 0.4}), 10) is None


# Of seeds near the bound, where Student's interval passes it; beta distributions, by mean and standard deviation.
SEEDS = [(0.8, 0.05), (0.95, 0.02), (0.95, 0.04), (0.5, 0.2)]


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize(("mean", "spread"), SEEDS)
def test_a_bounded_interval_covers_the_mean_about_as_often_as_it_says(mean: float, spread: float, n: int) -> None:
    size = mean * (1 - mean) / spread**2 - 1
    draws = np.random.default_rng(0).beta(mean * size, (1 - mean) * size, size=(4000, n)).tolist()
    bounded, students = ([interval(draw) for draw in draws] for interval in (bounded_interval, t_interval))
    assert 0.935 < covered(bounded, mean) < 0.975
    assert covered(bounded, mean) > covered(students, mean) - 0.01


def test_a_bootstrap_of_three_seeds_would_cover_far_less() -> None:
    draws = np.random.default_rng(0).normal(0.8, 0.05, size=(4000, 3))
    resampled = draws[:, np.array(list(itertools.product(range(3), repeat=3)))].mean(axis=2)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=1)
    assert ((low <= 0.8) & (high >= 0.8)).mean() < 0.8
    assert covered([bounded_interval(draw) for draw in draws], 0.8) > 0.935


def covered(intervals: list[Interval], mean: float) -> float:
    """Returns the share of the intervals that hold the true mean."""
    return float(np.mean([low is not None and high is not None and low <= mean <= high for _, low, high in intervals]))


def test_three_seeds_give_an_interval_that_can_be_read() -> None:
    # Seeds of which one found less: Student's interval ends at 0.66 and 1.19.
    mean, low, high = bounded_interval([0.99, 0.98, 0.80])
    assert (round(mean or 0, 3), round(low or 0, 3), round(high or 0, 3)) == (0.923, 0.22, 0.998)
    assert bounded_interval([0.993, 0.99, 0.996]) == pytest.approx((0.993, 0.9798, 0.9976), abs=1e-4)


BOUNDS = st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (-3.0, 5.0)])


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=9), BOUNDS)
def test_a_bounded_interval_is_students_on_the_scale_of_the_logit(shares: list[float], bounds: Bounds) -> None:
    share, (low, high) = np.mean(shares), bounds
    half = scipy.stats.t.ppf(0.975, len(shares) - 1) * scipy.stats.sem(shares) / (share * (1 - share))
    ends = [low + (high - low) * scipy.special.expit(scipy.special.logit(share) + side) for side in (-half, half)]
    found = bounded_interval([low + (high - low) * value for value in shares], bounds)
    assert found == pytest.approx((low + (high - low) * share, *ends), abs=1e-7)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=9), BOUNDS)
def test_a_bounded_interval_holds_its_mean_and_never_passes_its_bounds(of_1000: list[int], bounds: Bounds) -> None:
    low, high = bounds
    mean, *ends = bounded_interval([low + (high - low) * value / 1000 for value in of_1000], bounds)
    assert mean is not None
    assert ends[0] is not None
    assert ends[1] is not None
    assert low <= ends[0] <= mean <= ends[1] <= high


def test_rounding_puts_no_end_on_the_other_side_of_the_mean() -> None:
    for thousandth in range(1, 1000):
        mean, *ends = bounded_interval([thousandth / 1000] * 3)
        assert ends[0] <= mean <= ends[1]  # type: ignore[operator]


@given(st.lists(st.floats(0.01, 5.0), min_size=2, max_size=9, unique=True), st.floats(-1, 1))
def test_without_an_upper_bound_the_interval_is_students_of_the_logarithm(values: list[float], lowest: float) -> None:
    n, scale = len(values), scipy.stats.sem(values) / np.mean(values)
    ends = np.exp(scipy.stats.t.interval(0.95, n - 1, loc=np.log(np.mean(values)), scale=scale)) + lowest
    found = bounded_interval([lowest + value for value in values], (lowest, math.inf))
    assert found == pytest.approx((lowest + np.mean(values), *ends), rel=1e-6)
    assert bounded_interval(values, (-math.inf, math.inf)) == t_interval(values)


def test_too_few_values_leave_it_open() -> None:
    for interval in (t_interval, bounded_interval):
        assert interval([]) == Interval(None, None, None)
        assert interval([0.5]) == Interval(0.5, None, None)
        assert interval([0.5, 0.5]) == Interval(0.5, 0.5, 0.5)
    assert bounded_interval([1.0, 1.0, 1.0]) == Interval(1.0, 1.0, 1.0)
    assert bounded_interval([0.0, 0.0], (0.0, math.inf)) == Interval(0.0, 0.0, 0.0)
    assert bounded_interval([0.0, 0.0]) == Interval(0.0, 0.0, 0.0)
    assert bounded_interval([-1.0, -1.0], (-1.0, 1.0)) == Interval(-1.0, -1.0, -1.0)


@pytest.mark.parametrize(
    ("interval", "spec", "text"),
    [
        (Interval(0.8126, 0.7992, 0.826), ".3f", "0.813 (0.799, 0.826)"),
        (Interval(0.9, None, None), ".3f", "0.900"),
        (Interval(None, None, None), ".3f", "-"),
        (Interval(0.3, 0.052, 0.548), "+.3f", "+0.300 (+0.052, +0.548)"),
        (Interval(-0.3, -0.548, -0.052), "+.3f", "-0.300 (-0.548, -0.052)"),
        (Interval(1.0, -1.48413, 3.48413), ".3g", "1 (-1.48, 3.48)"),
    ],
)
def test_an_interval_is_written_in_one_format(interval: Interval, spec: str, text: str) -> None:
    assert f"{interval:{spec}}" == text


def test_a_band_is_where_the_interval_ends() -> None:
    assert Interval(0.5, 0.25, 0.7).band == {"mean": 0.5, "low": 0.25, "high": 0.7}
    assert Interval(0.5, None, None).band == {"mean": 0.5, "low": 0.5, "high": 0.5}
    assert all(math.isnan(value) for value in Interval(None, None, None).band.values())


def test_an_interval_is_cut_where_its_mean_cannot_be() -> None:
    assert Interval(0.25, -0.385, 1.2).within((-1.0, 1.0)) == Interval(0.25, -0.385, 1.0)
    assert Interval(-0.9, -1.5, -0.3).within((-1.0, 1.0)) == Interval(-0.9, -1.0, -0.3)
    assert Interval(0.5, None, None).within((0.0, 1.0)) == Interval(0.5, None, None)


@given(st.dictionaries(st.integers(0, 20), THOUSANDTHS, min_size=LEAST_PAIRS))
def test_a_paired_test_is_that_of_scipy(pairs: dict[int, tuple[int, int]]) -> None:
    first, second = ({seed: pair[i] / 1000 for seed, pair in pairs.items()} for i in (0, 1))
    test = paired_test(first, second)
    assert test.pairs == len(pairs)
    assert test.difference == t_interval(first[seed] - second[seed] for seed in pairs)
    exact = np.array([a - b for a, b in pairs.values()])
    if len(set(exact.tolist())) == 1:
        assert (test.p_value, test.effect_size) == ((None, None) if exact[0] else (1.0, 0.0))
    else:
        assert test.p_value == pytest.approx(scipy.stats.ttest_1samp(exact, 0).pvalue, rel=1e-6, abs=1e-12)


@given(st.lists(SCORES, min_size=2, max_size=12))
def test_a_difference_of_first_and_second_is_minus_that_of_second_and_first(values: list[float]) -> None:
    first, second = dict(enumerate(values)), {seed: value**2 for seed, value in enumerate(values)}
    there, back = paired_test(first, second), paired_test(second, first)
    assert there.p_value == back.p_value
    assert there.difference.mean == -(back.difference.mean or 0.0)
    assert there.effect_size is None or there.effect_size == -(back.effect_size or 0.0)


def test_only_seeds_that_both_have_are_paired_whatever_their_order() -> None:
    test = paired_test({1: 0.1, 2: 0.2, 3: 0.9, 4: 0.5}, {4: 0.1, 3: 0.5, 2: 0.1, 5: 0.0})
    assert test == paired_test({2: 0.2, 3: 0.9, 4: 0.5}, {2: 0.1, 3: 0.5, 4: 0.1})
    assert test.pairs == 3
    assert test.difference.mean == pytest.approx(0.3)


def test_the_effect_size_is_hedges_g() -> None:
    # Differences 1, 2, 3: mean 2, standard deviation 1; J(2) = gamma(1) / (sqrt(1) gamma(1/2)).
    test = paired_test({1: 1.0, 2: 2.0, 3: 3.0}, {1: 0.0, 2: 0.0, 3: 0.0})
    assert test.effect_size == pytest.approx(2 / math.sqrt(math.pi))


def test_hedges_g_is_unbiased_where_the_plain_ratio_is_not() -> None:
    draws = np.random.default_rng(0).normal(0.8, 1.0, size=(4000, 6))
    effects = [paired_test(dict(enumerate(draw)), dict.fromkeys(range(6), 0.0)).effect_size for draw in draws]
    plain = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    error = plain.std() / math.sqrt(len(draws))
    assert abs(np.mean(effects) - 0.8) < 3 * error  # type: ignore[arg-type]
    assert abs(plain.mean() - 0.8) > 6 * error


@pytest.mark.parametrize("n", range(LEAST_PAIRS))
def test_too_few_pairs_have_no_p_value(n: int) -> None:
    test = paired_test(dict.fromkeys(range(n), 0.9), dict.fromkeys(range(n), 0.1))
    assert (test.pairs, test.p_value, test.effect_size) == (n, None, None)


def test_equal_values_are_no_difference_and_a_constant_one_cannot_be_tested() -> None:
    same = paired_test({1: 0.1, 2: 0.5, 3: 0.7}, {1: 0.1, 2: 0.5, 3: 0.7})
    assert (same.p_value, same.effect_size) == (1.0, 0.0)
    shifted = paired_test({1: 1.5, 2: 2.5, 3: 3.5}, {1: 1.0, 2: 2.0, 3: 3.0})
    assert (shifted.p_value, shifted.effect_size) == (None, None)
    rounded = paired_test({1: 0.8, 2: 0.7, 3: 0.9}, {1: 0.7, 2: 0.6, 3: 0.8})
    assert len({0.8 - 0.7, 0.7 - 0.6, 0.9 - 0.8}) > 1
    assert (rounded.p_value, rounded.effect_size) == (None, None)
    assert rounded.difference.mean == pytest.approx(0.1)


@given(st.lists(SCORES, max_size=8))
def test_holm_rejects_what_the_step_down_rule_rejects(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if p_values[index] > level / (len(p_values) - step) + 1e-12:
                break
            rejected.add(index)
        assert {index for index, p_value in enumerate(corrected) if p_value <= level + 1e-12} == rejected


@pytest.mark.slow
@settings(max_examples=15)  # a call of statsmodels takes a tenth of a second
@given(st.lists(SCORES | st.floats(0, 1), max_size=30))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    expected = multipletests(p_values, method="holm")[1].tolist() if p_values else []
    assert holm(p_values) == expected
