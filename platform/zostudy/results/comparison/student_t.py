"""Student's distribution and the logistic function, as in ``scipy.special``, whose import outlasts a comparison.

The tails are the incomplete beta function, by the continued fraction of Press et al., Numerical Recipes, section 6.4.
"""

from __future__ import annotations

from functools import cache
from math import exp, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist

_ROUNDING = 1e-15
_LEAST = 1e-300


def two_sided_p(t: float, freedom: int) -> float:
    """Returns the probability that Student's t lies farther from 0 than ``t``, which is finite."""
    square = t * t
    rest, share = freedom / (freedom + square), square / (freedom + square)
    if rest < (freedom / 2 + 1) / (freedom / 2 + 2.5):  # where the fraction converges quickly
        return _incomplete_beta(rest, share, freedom / 2, 0.5)
    return 1 - _incomplete_beta(share, rest, 0.5, freedom / 2)


@cache
def quantile(probability: float, freedom: int) -> float:
    """Returns the value that Student's t stays below with a probability above one half, by Newton's steps."""
    tail = 2 * (1 - probability)
    t = NormalDist().inv_cdf(probability)  # below the quantile, where the tail is convex: no step passes it
    while True:
        step = (two_sided_p(t, freedom) - tail) / (2 * _density(t, freedom))
        t += step
        if step <= 1e-9 * t:  # the next step would be the square of this one
            return t


def logit(share: float) -> float:
    """Returns the logarithm of the odds of a share between 0 and 1."""
    return log(share) - log1p(-share)


def expit(number: float) -> float:
    """Returns the share whose ``logit`` is the number."""
    return 1 / (1 + exp(-number)) if number >= 0 else exp(number) / (1 + exp(number))


def _density(t: float, freedom: int) -> float:
    scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2))
    return scale / sqrt(freedom * pi) * exp(-(freedom + 1) / 2 * log1p(t * t / freedom))


def _incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """Returns the regularised I_x(a, b), where ``rest`` is 1 - x."""
    if not x:
        return 0.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest)) / a
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Returns the continued fraction of I_x(a, b), by Lentz's method as modified by Thompson and Barnett."""
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or _LEAST)
    value = d
    for m in range(1, 1000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + numerator * d) or _LEAST)
            c = (1 + numerator / c) or _LEAST
            value *= c * d
        if abs(c * d - 1) <= _ROUNDING:
            break
    return value
