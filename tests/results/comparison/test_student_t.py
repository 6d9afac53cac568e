"""The numbers are those of scipy, up to rounding."""

from __future__ import annotations

import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from zostudy.results.comparison.student_t import expit, logit, quantile, two_sided_p

FREEDOMS = [1, 2, 3, 4, 9, 10, 29, 100, 1000]


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("t", [0.001, 0.1, 0.7, 1.0, 1.96, 3.0, 12.0, 1e3, 1e8])
def test_p_values_are_those_of_scipy(t: float, freedom: int) -> None:
    expected = 2 * scipy.stats.t.sf(t, freedom)
    assert two_sided_p(t, freedom) == two_sided_p(-t, freedom) == pytest.approx(expected, rel=1e-11, abs=1e-300)


def test_no_distance_at_all_has_a_p_value_of_one() -> None:
    assert two_sided_p(0.0, 4) == 1.0


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("probability", [0.6, 0.95, 0.975, 0.9999])
def test_quantiles_are_those_of_scipy(probability: float, freedom: int) -> None:
    assert quantile(probability, freedom) == pytest.approx(scipy.stats.t.ppf(probability, freedom), rel=1e-11)


@given(st.floats(1e-300, 1 - 1e-12))
def test_log_odds_are_those_of_scipy(share: float) -> None:
    assert logit(share) == pytest.approx(scipy.special.logit(share), rel=1e-12, abs=1e-15)


@given(st.floats(-1e4, 1e4))
def test_shares_are_those_of_scipy(number: float) -> None:
    assert expit(number) == pytest.approx(scipy.special.expit(number), rel=1e-12, abs=1e-300)
