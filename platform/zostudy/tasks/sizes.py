"""The rows of each class in train and dev: by a ratio and a size, or in the data's own proportions."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zostudy.config.field_types import AskedRatio
from zostudy.config.imbalance import ImbalanceSpec

Counts = tuple[int, ...]
DEV_SHARE = 0.25


@dataclass(frozen=True)
class Available:
    """The candidates of each class, counted in label order.

    Attributes:
        train: those of the training split.
        dev: those of a dev split of its own; None where dev is drawn from ``train``.
    """

    train: Counts
    dev: Counts | None

    @property
    def natural_ratio(self) -> float:
        """Candidates of the largest class / candidates of the smallest, to two decimals; infinite if that is empty."""
        return round(max(self.train) / min(self.train), 2) if min(self.train) else math.inf


def split_counts(
    available: Available, ranking: Sequence[int], minority: Sequence[int], imbalance: ImbalanceSpec, ratio: AskedRatio
) -> tuple[Counts, Counts]:
    """Returns the rows of each class that train and dev ask for, in label order. The data may have fewer.

    ``step``: ``minority_size`` rows of each minority class, ``ratio`` times as many of each other class.
    ``exponential``: the class of rank k out of C has ``minority_size * ratio ** (1 - k / (C - 1))`` rows
    (Cui et al. 2019; Cao et al. 2019). At the ratio ``natural`` the smallest class has ``minority_size`` rows, and the
    others have as many more as in the data.

    Where ``minority_size`` is ``all``, every size is the largest that the candidates allow at this ratio. Of these
    rows dev has ``dev_minority_size`` or a quarter, unless it has a split of its own.

    Args:
        available: the candidates.
        ranking: the labels from the largest class to the smallest.
        minority: the labels of the classes that are made rare.
        imbalance: sizes and profile.
        ratio: rows of the largest class / rows of the smallest class, at least 1; or ``natural``.
    """
    shares = _shares(available.train, ranking, minority, imbalance, ratio)
    size, dev_size = imbalance.minority_size, imbalance.dev_minority_size
    if available.dev is not None:
        dev_shares = _shares(available.dev, ranking, minority, imbalance, ratio)
        if not isinstance(size, str):
            return _rows(shares, size), _rows(dev_shares, dev_size or size)
        dev_size = dev_size or _largest_size(available.dev, dev_shares)
        return _rows(shares, _largest_size(available.train, shares)), _rows(dev_shares, dev_size)
    if not isinstance(size, str):
        return _rows(shares, size), _rows(shares, dev_size or size)
    largest = _largest_size(available.train, shares)
    dev = _rows(shares, dev_size or max(1, round(DEV_SHARE * largest)))
    train = (max(1, rows - kept) for rows, kept in zip(_rows(shares, largest), dev, strict=True))
    return tuple(train), dev


def largest_number(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """Returns the largest number in ``low..high`` for which a monotone condition holds, by bisection."""
    count = bisect_left(range(low, high + 1), True, key=lambda number: not holds(number))
    return low + count - 1 if count else None


def _shares(
    there: Counts, ranking: Sequence[int], minority: Sequence[int], imbalance: ImbalanceSpec, ratio: AskedRatio
) -> tuple[float, ...]:
    """Returns the rows of each class for one row of the smallest. An empty class counts as one row, which it lacks."""
    labels = range(len(there))
    if isinstance(ratio, str):
        smallest = max(1, min(there))
        return tuple(max(1, count) / smallest for count in there)
    if imbalance.profile == "step":
        return tuple(1.0 if label in minority else ratio for label in labels)
    return tuple(math.pow(ratio, 1 - ranking.index(label) / (len(ranking) - 1)) for label in labels)


def _rows(shares: Sequence[float], size: int) -> Counts:
    return tuple(round(size * share) for share in shares)


def _largest_size(there: Counts, shares: Sequence[float]) -> int:
    """Returns the most rows that the smallest class can have; 1 if a class has too few even for that."""

    def fits(size: int) -> bool:
        return all(rows <= count for rows, count in zip(_rows(shares, size), there, strict=True))

    return largest_number(fits, 1, max(1, *there)) or 1
