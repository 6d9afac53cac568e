"""Means over a few seeds with their intervals, and paired tests: is the difference of two methods more than chance?

``scipy.special`` stands for ``scipy.stats`` here, and Holm's correction is written out: the same numbers as those of
``scipy.stats`` and statsmodels, which the tests hold them against, without a second of importing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, fsum, lgamma, nan, sqrt
from typing import NamedTuple, TypeVar

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95

SIGNIFICANCE = 0.05

LEAST_PAIRS = 3
"""With two pairs the differences' spread has one degree of freedom: p < .05 would need a mean of nine spreads."""

# Relative to the scores: differences that are equal but for rounding spread by some 1e-16, all others by far more.
_ROUNDING = 1e-12

Key = TypeVar("Key", bound=Hashable)


class Interval(NamedTuple):
    """A mean with the half width of its 95% confidence interval; either is None where there are too few values."""

    mean: float | None
    half_width: float | None

    def __format__(self, spec: str) -> str:
        """Returns both numbers in one format, such as ``0.813 ±0.013``; ``-`` without a mean."""
        if not spec:
            return str(self)
        if self.mean is None:
            return "-"
        spread = "" if self.half_width is None else f" ±{self.half_width:{spec.removeprefix('+')}}"
        return f"{self.mean:{spec}}{spread}"

    @property
    def band(self) -> dict[str, float]:
        """``mean``, ``low`` and ``high`` for a chart; NaN without a mean, equal without a half width."""
        middle, half = nan if self.mean is None else self.mean, self.half_width or 0.0
        return {"mean": middle, "low": middle - half, "high": middle + half}


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

    @property
    def has_too_few_pairs(self) -> bool:
        """Whether this is why there is no p-value."""
        return self.pairs < LEAST_PAIRS


def t_interval(values: Iterable[float]) -> Interval:
    """Returns the mean of independent values and the half width of Student's 95% interval around it.

    A single value has no half width, and no value at all has no mean either.
    """
    sample = [float(value) for value in values]
    if not sample:
        return Interval(None, None)
    mean = mean_of(sample)
    if len(sample) == 1:
        return Interval(mean, None)
    return Interval(mean, _quantile(len(sample) - 1) * _spread_of(sample, mean) / sqrt(len(sample)))


def paired_test(first: Mapping[Key, float], second: Mapping[Key, float]) -> PairedTest:
    """Returns how the values of ``first`` differ from those of ``second`` under the same keys."""
    pairs = [(first[key], second[key]) for key in first if key in second]
    differences = [a - b for a, b in pairs]
    interval = t_interval(differences)
    if len(pairs) < LEAST_PAIRS:
        return PairedTest(len(pairs), interval, None, None)
    mean = mean_of(differences)
    spread = _spread_of(differences, mean)
    rounding = _ROUNDING * max(abs(value) for pair in pairs for value in pair)
    if spread <= rounding:
        equal = abs(mean) <= rounding
        return PairedTest(len(pairs), interval, 1.0 if equal else None, 0.0 if equal else None)
    t = mean / spread * sqrt(len(pairs))
    effect = mean / spread * _hedges_correction(len(pairs) - 1)
    return PairedTest(len(pairs), interval, float(2 * stdtr(len(pairs) - 1, -abs(t))), effect)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number by Holm's step-down method."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - step)))
        corrected[index] = highest
    return corrected


# A comparison sums up thousands of cells of three seeds each, and for so few numbers numpy takes ten times as long.


def mean_of(sample: Sequence[float]) -> float:
    """Returns the mean of at least one value."""
    return fsum(sample) / len(sample)


def _spread_of(sample: Sequence[float], mean: float) -> float:
    """Returns the standard deviation of at least two values with that mean, with n - 1 degrees of freedom."""
    return sqrt(fsum((value - mean) ** 2 for value in sample) / (len(sample) - 1))


@cache
def _quantile(freedom: int) -> float:
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _hedges_correction(freedom: int) -> float:
    """Returns J(m), which makes mean / standard deviation unbiased (Hedges 1981, equation 6e)."""
    half = freedom / 2
    return exp(lgamma(half) - lgamma(half - 0.5)) / sqrt(half)
