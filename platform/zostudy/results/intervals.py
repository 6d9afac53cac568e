"""The mean of a few seeds, and how sure it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean with the half width of its 95% confidence interval; None where too few seeds leave it open."""

    mean: float | None
    half_width: float | None


def t_interval(values: ArrayLike) -> Interval:
    """Returns the mean of independent values and the half width of Student's 95% interval around it.

    One value has no half width, none has no mean either.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        return Interval(None, None)
    if sample.size == 1:
        return Interval(float(sample[0]), None)
    # scipy.special instead of scipy.stats: the same quantile without its long import.
    quantile = stdtrit(sample.size - 1, (1 + CONFIDENCE) / 2)
    return Interval(float(sample.mean()), float(quantile * sample.std(ddof=1) / np.sqrt(sample.size)))
