"""Means over a few seeds with their intervals, and paired tests: is the difference of two methods more than chance?

Student's distribution (``student_t.py``) and Holm's correction are written out: the same numbers as those of
``scipy.stats`` and statsmodels, which the tests hold them against, without a second of importing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, fsum, isinf, lgamma, nan, sqrt
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias, TypeVar

from zostudy.results.comparison.student_t import expit, logit, quantile, two_sided_p

CONFIDENCE = 0.95

SIGNIFICANCE = 0.05

LEAST_PAIRS = 3
"""With two pairs the differences' spread has one degree of freedom: p < .05 would need a mean of nine spreads."""

_TWO_SIDED = (1 + CONFIDENCE) / 2

# Relative to the scores: differences that are equal but for rounding spread by some 1e-16, all others by far more.
_ROUNDING = 1e-12

Key = TypeVar("Key", bound=Hashable)

Bounds: TypeAlias = tuple[float, float]
"""The lowest and the highest value that a quantity can have."""


class Interval(NamedTuple):
    """A mean and the ends of its 95% confidence interval; they are None where there are too few values."""

    mean: float | None
    low: float | None
    high: float | None

    def __format__(self, spec: str) -> str:
        """Returns the numbers in one format, such as ``0.813 (0.790, 0.835)``; ``-`` without a mean."""
        if not spec:
            return str(self)
        if self.mean is None:
            return "-"
        ends = "" if self.low is None else f" ({self.low:{spec}}, {self.high:{spec}})"
        return f"{self.mean:{spec}}{ends}"

    def within(self, bounds: Bounds) -> Interval:
        """Returns the interval cut where the mean cannot be."""
        if self.low is None or self.high is None:
            return self
        return self._replace(low=max(self.low, bounds[0]), high=min(self.high, bounds[1]))

    @property
    def band(self) -> dict[str, float]:
        """``mean``, ``low`` and ``high`` for a chart; NaN without a mean, all equal without an interval."""
        mean = nan if self.mean is None else self.mean
        low, high = (mean if end is None else end for end in (self.low, self.high))
        return {"mean": mean, "low": low, "high": high}


@dataclass(frozen=True)
class PairedTest:
    """The difference of two methods over the seeds that both have.

    Attributes:
        pairs: seeds that both have.
        difference: mean of first - second, with Student's 95% interval around it, which leaves out 0 where p < 5%.
        p_value: two-sided, of Student's paired t test, 1 where all values are equal; None with fewer than
            ``LEAST_PAIRS`` pairs, or where the differences are all the same, which leaves nothing to test against.
        effect_size: Hedges' g of paired values, 0 where all are equal; None where there is no p-value.
    """

    pairs: int
    difference: Interval
    p_value: float | None
    effect_size: float | None

    def record(self, p_value_holm: float | None) -> dict[str, Any]:
        """Returns the test and its p-value by Holm's method as a flat mapping, for programs to read."""
        return {
            "pairs": self.pairs,
            "difference": self.difference.mean,
            "difference_low": self.difference.low,
            "difference_high": self.difference.high,
            "p_value": self.p_value,
            "p_value_holm": p_value_holm,
        }

    @property
    def has_too_few_pairs(self) -> bool:
        """True if the p-value is missing because there are too few pairs."""
        return self.pairs < LEAST_PAIRS


def t_interval(values: Iterable[float]) -> Interval:
    """Returns the mean of independent values and Student's 95% interval around it.

    A single value has no interval, and no value at all has no mean either.
    """
    sample = [float(value) for value in values]
    if len(sample) < 2:
        return Interval(sample[0] if sample else None, None, None)
    mean = fmean(sample)
    half = _half_width(_spread_of(sample, mean), len(sample))
    return Interval(mean, mean - half, mean + half)


def bounded_interval(values: Iterable[float], bounds: Bounds = (0.0, 1.0)) -> Interval:
    """Returns the mean of independent values between two bounds and a 95% interval that never passes them.

    It is Student's interval of the logit of the mean, whose standard error follows by the delta method, taken back, as
    in survey statistics for proportions. It holds the mean and has no width where all values are equal. Values may lie
    at the bounds, where their own logits would be infinite. A bootstrap would not do: of three seeds all resampled
    means lie between the lowest and the highest seed, and there the true mean of symmetric noise is in three cases of
    four only. Without an upper bound the logarithm stands for the logit; without any bound it is Student's interval.

    A single value has no interval, and no value at all has no mean either.
    """
    sample = [float(value) for value in values]
    if len(sample) < 2:
        return Interval(sample[0] if sample else None, None, None)
    lowest, width = bounds[0], bounds[1] - bounds[0]
    if isinf(lowest):
        return t_interval(sample)
    mean = fmean(sample)
    if isinf(width):
        return _above(lowest, sample, mean)
    share = (mean - lowest) / width
    if not 0 < share < 1:  # all values are at one bound
        return Interval(mean, mean, mean)
    half = _half_width(_spread_of(sample, mean), len(sample)) / (width * share * (1 - share))
    low, high = (lowest + width * expit(logit(share) + side) for side in (-half, half))
    return Interval(mean, min(low, mean), max(high, mean))  # rounding may put an end on the mean's other side


def _above(lowest: float, sample: Sequence[float], mean: float) -> Interval:
    """Returns the interval of ``bounded_interval`` around the mean of at least two values with a lower bound alone."""
    distance = mean - lowest
    if not distance > 0:  # all values are at the bound
        return Interval(mean, mean, mean)
    ratio = exp(_half_width(_spread_of(sample, mean), len(sample)) / distance)
    return Interval(mean, lowest + distance / ratio, lowest + distance * ratio)


def prediction_bound(values: Iterable[float], further: int) -> float | None:
    """Returns what the mean of ``further`` shares like the given ones, all between 0 and 1, passes in 5 of 100 cases.

    It is Student's one-sided prediction bound, t * s * sqrt(1/n + 1/further) above the mean, on the scale of the logit
    as in ``bounded_interval``. None of fewer than two values; their mean where all are 0 or all are 1.
    """
    sample = [float(value) for value in values]
    if len(sample) < 2:
        return None
    mean = fmean(sample)
    if not 0 < mean < 1:
        return mean
    above = quantile(CONFIDENCE, len(sample) - 1) * _spread_of(sample, mean) * sqrt(1 / len(sample) + 1 / further)
    return expit(logit(mean) + above / (mean * (1 - mean)))


def _half_width(spread: float, n: int) -> float:
    """Returns the half width of Student's 95% interval of the mean of ``n`` values, at least two."""
    return quantile(_TWO_SIDED, n - 1) * spread / sqrt(n)


def paired_test(first: Mapping[Key, float], second: Mapping[Key, float]) -> PairedTest:
    """Returns how the values of ``first`` differ from those of ``second`` under the same keys."""
    pairs = [(first[key], second[key]) for key in first if key in second]
    differences, n = [a - b for a, b in pairs], len(pairs)
    interval = t_interval(differences)
    if n < LEAST_PAIRS:
        return PairedTest(n, interval, None, None)
    mean = fmean(differences)
    spread = _spread_of(differences, mean)
    rounding = _ROUNDING * max(max(map(abs, pair)) for pair in pairs)
    if spread <= rounding:
        equal = abs(mean) <= rounding
        return PairedTest(n, interval, 1.0 if equal else None, 0.0 if equal else None)
    t = mean / spread * sqrt(n)
    effect = mean / spread * _hedges_correction(n - 1)
    return PairedTest(n, interval, two_sided_p(t, n - 1), effect)


def pairs_needed(test: PairedTest, most: int) -> int | None:
    """Returns the fewest pairs, above those of a test, that would make the same mean and spread significant.

    None where ``most`` pairs would not, and without an interval.
    """
    mean, low, high = test.difference
    if mean is None or low is None or high is None:
        return None
    spread = (high - low) / 2 * sqrt(test.pairs) / quantile(_TWO_SIDED, test.pairs - 1)
    enough = (n for n in range(test.pairs + 1, most + 1) if quantile(_TWO_SIDED, n - 1) * spread < abs(mean) * sqrt(n))
    return next(enough, None)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number by Holm's step-down method."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - step)))
        corrected[index] = highest
    return corrected


def holm_of_tests(tests: Sequence[PairedTest]) -> list[float | None]:
    """Returns the p-value of each test, corrected for the number of those that have one; None for the others."""
    corrected = iter(holm([test.p_value for test in tests if test.p_value is not None]))
    return [None if test.p_value is None else next(corrected) for test in tests]


# A comparison sums up thousands of cells of three seeds each, and for so few numbers numpy takes ten times as long.


def _spread_of(sample: Sequence[float], mean: float) -> float:
    """Returns the standard deviation of at least two values with that mean, with n - 1 degrees of freedom."""
    return sqrt(fsum((value - mean) ** 2 for value in sample) / (len(sample) - 1))


@cache
def _hedges_correction(freedom: int) -> float:
    """Returns J(m), which makes mean / standard deviation unbiased (Hedges 1981, equation 6e)."""
    half = freedom / 2
    return exp(lgamma(half) - lgamma(half - 0.5)) / sqrt(half)
