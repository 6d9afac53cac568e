"""The mean of a few seeds, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from math import fsum, sqrt
from typing import NamedTuple

from scipy.special import stdtrit

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean with the half width of its 95% confidence interval; None where too few seeds leave it open."""

    mean: float | None
    half_width: float | None


def t_interval(values: Iterable[float]) -> Interval:
    """Returns the mean of independent values and the half width of Student's 95% interval around it.

    One value has no half width, none has no mean either.
    """
    sample = [float(value) for value in values]
    if not sample:
        return Interval(None, None)
    mean = mean_of(sample)
    if len(sample) == 1:
        return Interval(mean, None)
    return Interval(mean, _quantile(len(sample) - 1) * spread_of(sample, mean) / sqrt(len(sample)))


# A comparison sums up thousands of cells of three seeds each, and for so few numbers numpy takes ten times as long.


def mean_of(sample: Sequence[float]) -> float:
    """Returns the mean of at least one value."""
    return fsum(sample) / len(sample)


def spread_of(sample: Sequence[float], mean: float) -> float:
    """Returns the standard deviation of at least two values with that mean, with n - 1 degrees of freedom."""
    return sqrt(fsum((value - mean) ** 2 for value in sample) / (len(sample) - 1))


@cache
def _quantile(freedom: int) -> float:
    # scipy.special instead of scipy.stats: the same quantile without its long import.
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
