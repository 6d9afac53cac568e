"""Paired statistics over a few seeds: is the difference of two methods more than chance?

``scipy.special`` stands for ``scipy.stats`` here, and Holm's correction is written out: the same numbers as those of
``scipy.stats`` and statsmodels, which the tests hold them against, without a second of importing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, lgamma, sqrt
from typing import TypeVar

from scipy.special import stdtr

from zostudy.results.intervals import Interval, mean_of, spread_of, t_interval

SIGNIFICANCE = 0.05

LEAST_PAIRS = 3
"""With two pairs the differences' spread has one degree of freedom: p < .05 would need a mean of nine spreads."""

# Relative to the scores: differences that are equal but for rounding spread by some 1e-16, all others by far more.
_ROUNDING = 1e-12

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class PairedTest:
    """How one method differs from another over the seeds that both have.

    Attributes:
        pairs: seeds that both have.
        difference: mean of first - second, with the half width of Student's 95% interval around it.
        p_value: two-sided, of Student's paired t test, 1 where all values are equal; None with fewer than
            ``LEAST_PAIRS`` pairs, or where the differences are all the same, which leaves nothing to test against.
        effect_size: Hedges' g of paired values, 0 where all are equal; None where there is no p-value.
    """

    pairs: int
    difference: Interval
    p_value: float | None
    effect_size: float | None


def paired_test(first: Mapping[Key, float], second: Mapping[Key, float]) -> PairedTest:
    """Returns how the values of ``first`` differ from those of ``second`` under the same keys."""
    pairs = [(first[key], second[key]) for key in first if key in second]
    differences = [a - b for a, b in pairs]
    interval = t_interval(differences)
    if len(pairs) < LEAST_PAIRS:
        return PairedTest(len(pairs), interval, None, None)
    mean = mean_of(differences)
    spread = spread_of(differences, mean)
    rounding = _ROUNDING * max(abs(value) for pair in pairs for value in pair)
    if spread <= rounding:
        equal = abs(mean) <= rounding
        return PairedTest(len(pairs), interval, 1.0 if equal else None, 0.0 if equal else None)
    t = mean / spread * sqrt(len(pairs))
    effect = mean / spread * _hedges_correction(len(pairs) - 1)
    return PairedTest(len(pairs), interval, float(2 * stdtr(len(pairs) - 1, -abs(t))), effect)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number by Holm's step-down method; equal to those of statsmodels."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - step)))
        corrected[place] = highest
    return corrected


def _hedges_correction(freedom: int) -> float:
    """Returns J(m), which makes mean / standard deviation unbiased (Hedges 1981, equation 6e)."""
    half = freedom / 2
    return exp(lgamma(half) - lgamma(half - 0.5)) / sqrt(half)
