"""Imbalance draws: the train, dev and test rows of a trial.

A ratio is a number, or ``natural``: the classes in the proportions of the data. Each class has one seeded permutation
of its candidates. Training rows are taken from its front and dev rows from its back, and every method sees the same
draw. Where ``minority_size`` is a number, a larger ratio only adds rows, and the minority rows stay.

Each text is a candidate once: repeats are left out, and so are texts that occur in test (or in dev, where dev is a
split of its own). Test stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from zostudy.config.field_types import AskedRatio
from zostudy.config.imbalance import ImbalanceSpec
from zostudy.errors import DataError
from zostudy.randomness import generator
from zostudy.ratios import ratio_text
from zostudy.tasks.sizes import Available, Counts, largest_number, split_counts
from zostudy.tasks.table import RowNumbers, TextTable


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
        available: candidates of each class in the training split, in label order.
        unused: those of them that are neither in train nor in dev.
    """

    train_rows: RowNumbers
    dev_rows: RowNumbers
    test_rows: RowNumbers
    train_counts: Counts
    dev_counts: Counts
    left_out: int
    available: Counts
    unused: Counts

    @property
    def n_minority(self) -> int:
        """Training rows of the smallest class."""
        return min(self.train_counts)

    @property
    def n_majority(self) -> int:
        """Training rows of the largest class."""
        return max(self.train_counts)


def draw(table: TextTable, minority: tuple[int, ...], imbalance: ImbalanceSpec, ratio: AskedRatio, seed: int) -> Draw:
    """Returns the rows for one imbalance ratio, a pure function of its arguments.

    Args:
        table: the task's texts; its split ``dev`` serves dev where there is one.
        minority: the labels of the classes that are made rare.
        imbalance: sizes and profile.
        ratio: rows of the largest class / rows of the smallest class, at least 1; or ``natural``.
        seed: the draw's seed, at least 0.

    Raises:
        DataError: when a class has too few candidates; the message has the numbers and what would do.
    """
    candidates, ranking = table.candidates, rank_classes(table, minority)
    _refuse_shortage(table, ranking, minority, imbalance, ratio)
    train_counts, dev_counts = split_counts(candidates.available, ranking, minority, imbalance, ratio)
    fronts = _shuffled(candidates.train, seed, "train")
    backs = fronts if candidates.dev is None else _shuffled(candidates.dev, seed, "dev")
    drawn = np.array([train_counts, dev_counts if candidates.dev is None else (0,) * table.n_classes])
    return Draw(
        train_rows=_merged(rows[:count] for rows, count in zip(fronts, train_counts, strict=True)),
        dev_rows=_merged(rows[len(rows) - count :] for rows, count in zip(backs, dev_counts, strict=True)),
        test_rows=table.splits["test"].astype(np.int32),
        train_counts=train_counts,
        dev_counts=dev_counts,
        left_out=candidates.left_out,
        available=candidates.available.train,
        unused=tuple((np.array(candidates.available.train) - drawn.sum(axis=0)).tolist()),
    )


def unused_rows(drawn: Draw, classes: Iterable[tuple[int, str]]) -> str:
    """Returns a line on the classes of which a draw leaves candidates unused, or an empty text.

    Args:
        drawn: of any seed.
        classes: label and name of the classes to speak of.
    """
    lines = []
    for label, name in classes:
        there, train, unused = drawn.available[label], drawn.train_counts[label], drawn.unused[label]
        if unused:
            dev = f", {there - unused - train:,} more as dev" if there > unused + train else ""
            lines.append(f"{train:,} of {there:,} {name!r} rows are used (minority_size){dev}; all: {there:,}")
    return "; ".join(lines)


def rank_classes(table: TextTable, minority: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Returns the labels from the largest class of train to the smallest, ``minority`` after all others."""
    counts = np.bincount(table.labels[table.splits["train"]], minlength=table.n_classes)
    return tuple(sorted(range(table.n_classes), key=lambda label: (label in minority, -counts[label], label)))


def _shuffled(pools: tuple[RowNumbers, ...], seed: int, split: str) -> list[RowNumbers]:
    return [generator(seed, "draw", split, label).permutation(rows) for label, rows in enumerate(pools)]


def _merged(parts: Iterable[RowNumbers]) -> RowNumbers:
    return np.sort(np.concatenate(list(parts)))


def _refuse_shortage(
    table: TextTable,
    ranking: tuple[int, ...],
    minority: tuple[int, ...],
    imbalance: ImbalanceSpec,
    ratio: AskedRatio,
) -> None:
    available = table.candidates.available

    def shortage(ratio: AskedRatio, **sizes: int) -> str:
        sized = imbalance.model_copy(update=sizes)
        return _shortage(available, table.class_names, *split_counts(available, ranking, minority, sized, ratio))

    if not (lack := shortage(ratio)):
        return
    size, dev_size = imbalance.minority_size, imbalance.dev_minority_size
    remedies = []
    if not isinstance(ratio, str):
        best = largest_number(lambda hundredths: not shortage(hundredths / 100), 100, round(100 * ratio))
        remedies += [f"ratios up to {best / 100:g}"] if best else []
    if not isinstance(size, str):
        best = largest_number(lambda smaller: not shortage(ratio, minority_size=smaller), 1, size)
        remedies += [f"minority_size up to {best}"] if best else []
    if dev_size is not None:
        best = largest_number(lambda smaller: not shortage(ratio, dev_minority_size=smaller), 1, dev_size)
        remedies += [f"dev_minority_size up to {best}"] if best else []
    raise DataError(
        f"imbalance ratio {ratio_text(ratio)} with minority_size {size} needs {lack} (repeats and texts of test not "
        "counted)",
        remedy=f"use {' or '.join(remedies)}" if remedies else "supply more rows of this class",
    )


def _shortage(available: Available, class_names: tuple[str, ...], train: Counts, dev: Counts) -> str:
    """Returns which rows the smallest class with too few of them lacks, or an empty text."""
    for label in sorted(range(len(class_names)), key=lambda label: available.train[label]):
        name, has = class_names[label], available.train[label]
        if available.dev is None and train[label] + dev[label] > has:
            return f"{train[label]} train and {dev[label]} dev rows of class {name!r}, which has {has}"
        if train[label] > has:
            return f"{train[label]} train rows of class {name!r}, which has {has}"
        if available.dev is not None and dev[label] > (dev_has := available.dev[label]):
            return f"{dev[label]} dev rows of class {name!r}, which has {dev_has}"
    return ""
