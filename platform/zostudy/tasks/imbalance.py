"""Imbalance draws: the train, dev and test rows of a trial.

Each class has one seeded permutation of its candidates. Training rows are taken from its front and dev rows
from its back: a larger ratio only adds rows, the minority rows stay, and every method sees the same draw.

Each text is a candidate once: repeats are left out, and so are texts that occur in test (or in dev, where dev is a
split of its own). Test stays whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zostudy.config.study import ImbalanceSpec
from zostudy.errors import DataError
from zostudy.randomness import generator
from zostudy.tasks.table import TextTable

RowNumbers = NDArray[np.int32]
Counts = tuple[int, ...]


@dataclass(frozen=True)
class Draw:
    """The rows of one seed and ratio, as row numbers into the task's table.

    Attributes:
        train_rows: int32 ``[n_train]``, ascending.
        dev_rows: int32 ``[n_dev]``, ascending; shares no text with ``train_rows``.
        test_rows: int32 ``[n_test]``, the whole test split.
        train_counts: training rows of each class, in label order.
        dev_counts: dev rows of each class, in label order.
        left_out: rows of train and dev that are no candidates, because their text repeats or occurs in test.
    """

    train_rows: RowNumbers
    dev_rows: RowNumbers
    test_rows: RowNumbers
    train_counts: Counts
    dev_counts: Counts
    left_out: int

    @property
    def n_minority(self) -> int:
        """Training rows of the smallest class."""
        return min(self.train_counts)

    @property
    def n_majority(self) -> int:
        """Training rows of the largest class."""
        return max(self.train_counts)


def draw(table: TextTable, minority: tuple[int, ...], imbalance: ImbalanceSpec, ratio: float, seed: int) -> Draw:
    """Returns the rows for one imbalance ratio, a pure function of its arguments.

    Args:
        table: the task's texts; its split ``dev`` serves dev where there is one.
        minority: the labels of the classes that are made rare.
        imbalance: sizes and profile.
        ratio: rows of the largest class / rows of the smallest class, at least 1.
        seed: the draw's seed, at least 0.

    Raises:
        DataError: when a class has too few candidates; the message has the numbers and what would do.
    """
    pools = _Pools.of(table)
    _refuse_shortage(pools, table, minority, imbalance, ratio)
    train_counts, dev_counts = split_counts(table, minority, imbalance, ratio)
    fronts = _shuffled(pools.train, seed, "train")
    backs = fronts if pools.dev is None else _shuffled(pools.dev, seed, "dev")
    return Draw(
        train_rows=_merged(rows[:count] for rows, count in zip(fronts, train_counts, strict=True)),
        dev_rows=_merged(rows[len(rows) - count :] for rows, count in zip(backs, dev_counts, strict=True)),
        test_rows=table.splits["test"].astype(np.int32),
        train_counts=train_counts,
        dev_counts=dev_counts,
        left_out=pools.left_out,
    )


def split_counts(
    table: TextTable, minority: tuple[int, ...], imbalance: ImbalanceSpec, ratio: float
) -> tuple[Counts, Counts]:
    """Returns the rows of each class that train and dev ask for, in label order.

    ``step``: ``minority_size`` rows of each minority class, ``ratio`` times as many of each other class.
    ``exponential``: the class of rank k out of C has ``minority_size * ratio ** (1 - k / (C - 1))`` rows
    (Cui et al. 2019; Cao et al. 2019).
    """
    ranking = rank_classes(table, minority)

    def rows(label: int, size: int) -> int:
        if imbalance.profile == "step":
            return size if label in minority else round(size * ratio)
        return round(size * math.pow(ratio, 1 - ranking.index(label) / (len(ranking) - 1)))

    sizes = imbalance.minority_size, imbalance.dev_minority_size or imbalance.minority_size
    train, dev = (tuple(rows(label, size) for label in range(table.n_classes)) for size in sizes)
    return train, dev


def rank_classes(table: TextTable, minority: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Returns the labels from the largest class of train to the smallest, ``minority`` after all others."""
    counts = np.bincount(table.labels[table.splits["train"]], minlength=table.n_classes)
    return tuple(sorted(range(table.n_classes), key=lambda label: (label in minority, -counts[label], label)))


@dataclass(frozen=True)
class _Pools:
    """The candidates of each class, in label order; ``dev`` is None where dev is drawn from ``train``."""

    train: tuple[RowNumbers, ...]
    dev: tuple[RowNumbers, ...] | None
    left_out: int

    @classmethod
    def of(cls, table: TextTable) -> _Pools:
        seen = {_key(table, row) for row in table.splits["test"]}
        pools: dict[str, tuple[RowNumbers, ...]] = {}
        left_out = 0
        for split in (name for name in ("dev", "train") if name in table.splits):
            fresh = []
            for row in table.splits[split]:
                if (key := _key(table, row)) in seen:
                    left_out += 1
                else:
                    seen.add(key)
                    fresh.append(row)
            rows = np.array(fresh, np.int32)
            pools[split] = tuple(rows[table.labels[rows] == label] for label in range(table.n_classes))
        return cls(pools["train"], pools.get("dev"), left_out)


def _key(table: TextTable, row: np.int64) -> tuple[str, str]:
    return table.texts[row], table.second_texts[row] if table.second_texts else ""


def _shuffled(pools: tuple[RowNumbers, ...], seed: int, split: str) -> list[RowNumbers]:
    return [generator(seed, "draw", split, label).permutation(rows) for label, rows in enumerate(pools)]


def _merged(parts: Iterable[RowNumbers]) -> RowNumbers:
    return np.sort(np.concatenate(list(parts)))


def _refuse_shortage(
    pools: _Pools, table: TextTable, minority: tuple[int, ...], imbalance: ImbalanceSpec, ratio: float
) -> None:
    def shortage(size: int, ratio: float) -> str:
        sized = imbalance.model_copy(update={"minority_size": size})
        return _shortage(pools, table.class_names, *split_counts(table, minority, sized, ratio))

    size = imbalance.minority_size
    if not (lack := shortage(size, ratio)):
        return
    best_ratio = _largest(lambda hundredths: not shortage(size, hundredths / 100), 100, round(100 * ratio))
    best_size = _largest(lambda smaller: not shortage(smaller, ratio), 1, size)
    remedies = [f"ratios up to {best_ratio / 100:g}"] if best_ratio else []
    remedies += [f"minority_size up to {best_size}"] if best_size else []
    raise DataError(
        f"imbalance ratio {ratio:g} with minority_size {size} needs {lack} (repeats and texts of test not counted)",
        remedy=f"use {' or '.join(remedies)}" if remedies else "supply more rows of this class",
    )


def _shortage(pools: _Pools, class_names: tuple[str, ...], train: Counts, dev: Counts) -> str:
    """Returns which rows the first class with too few of them lacks, or an empty text."""
    for label, name in enumerate(class_names):
        has = len(pools.train[label])
        if pools.dev is None and train[label] + dev[label] > has:
            return f"{train[label]} train and {dev[label]} dev rows of class {name!r}, which has {has}"
        if train[label] > has:
            return f"{train[label]} train rows of class {name!r}, which has {has}"
        if pools.dev is not None and dev[label] > (dev_has := len(pools.dev[label])):
            return f"{dev[label]} dev rows of class {name!r}, which has {dev_has}"
    return ""


def _largest(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """Returns the largest number in ``low..high`` for which a monotone condition holds, by bisection."""
    if not holds(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
