"""Rows of each class at the ratio ``natural`` and with ``minority_size: all``."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zostudy.config.field_types import AskedRatio
from zostudy.config.imbalance import ImbalanceSpec
from zostudy.errors import DataError
from zostudy.tasks.imbalance import Draw, draw, rank_classes, unused_rows
from zostudy.tasks.sizes import Available, split_counts
from zostudy.tasks.table import TextTable

ALL = ImbalanceSpec(minority_size="all")
class_counts = st.lists(st.integers(2, 60), min_size=2, max_size=4).map(tuple)
seeds = st.integers(0, 2**32)


def make_table(**splits: tuple[int, ...]) -> TextTable:
    """A table with the given numbers of distinct texts of each class in each split; test has two of each."""
    splits = splits | {"test": (2,) * len(splits["train"])}
    labels = [label for counts in splits.values() for label, count in enumerate(counts) for _ in range(count)]
    ends = np.cumsum([sum(counts) for counts in splits.values()])
    rows = {name: np.arange(end - sum(splits[name]), end) for name, end in zip(splits, ends, strict=True)}
    names = tuple(f"class {label}" for label in range(len(splits["train"])))
    return TextTable(tuple(f"text {row}" for row in range(len(labels))), None, np.array(labels, np.int32), names, rows)


def drawn(table: TextTable, imbalance: ImbalanceSpec, ratio: AskedRatio, seed: int = 0) -> Draw:
    return draw(table, (rank_classes(table)[-1],), imbalance, ratio, seed)


@given(counts=class_counts, seed=seeds)
def test_natural_with_all_takes_every_row_once_and_a_quarter_of_each_class_as_dev(
    counts: tuple[int, ...], seed: int
) -> None:
    table = make_table(train=counts)
    found = drawn(table, ALL, "natural", seed)
    assert sorted([*found.train_rows, *found.dev_rows]) == table.splits["train"].tolist()
    smallest = min(counts)
    for there, train, dev in zip(counts, found.train_counts, found.dev_counts, strict=True):
        assert abs(dev - there * max(1, round(smallest / 4)) / smallest) < 0.5 + 1e-9
        assert train == there - dev >= 1
    assert found.unused == (0,) * len(counts)


@given(counts=class_counts, dev=st.integers(1, 30))
def test_natural_with_all_leaves_dev_what_it_asks_for(counts: tuple[int, ...], dev: int) -> None:
    assume(dev < min(counts))
    found = drawn(make_table(train=counts), ALL.model_copy(update={"dev_minority_size": dev}), "natural")
    assert min(found.dev_counts) == dev
    assert tuple(map(sum, zip(found.train_counts, found.dev_counts, strict=True))) == counts


def test_natural_with_a_number_keeps_the_proportions_of_three_classes() -> None:
    found = drawn(make_table(train=(1000, 300, 100)), ImbalanceSpec(minority_size=10, dev_minority_size=4), "natural")
    assert found.train_counts == (100, 30, 10)
    assert found.dev_counts == (40, 12, 4)
    assert found.unused == (860, 258, 86)


@given(counts=class_counts, ratio=st.floats(1, 20).map(lambda ratio: round(ratio, 2)))
def test_all_at_a_number_is_the_largest_size_that_fits(counts: tuple[int, ...], ratio: float) -> None:
    available, ranking = Available(counts, counts), tuple(np.argsort(counts)[::-1].tolist())
    minority = ranking[-1:]

    def rows(size: int) -> tuple[int, ...]:
        return tuple(size if label in minority else round(size * ratio) for label in range(len(counts)))

    fitting = [size for size in range(1, 61) if all(np.array(rows(size)) <= counts)]
    assume(fitting)
    train, dev = split_counts(available, ranking, minority, ALL, ratio)
    assert train == dev == rows(max(fitting))


@given(ratio=st.sampled_from(["natural", 3.0]), seed=seeds)
def test_paired_seeds_differ_in_what_is_dev(ratio: AskedRatio, seed: int) -> None:
    table = make_table(train=(300, 100))
    first, again, other = (drawn(table, ALL, ratio, each) for each in (seed, seed, seed + 1))
    assert first.dev_rows.tolist() == again.dev_rows.tolist() != other.dev_rows.tolist()
    assert first.dev_counts == other.dev_counts


def test_a_dev_split_of_its_own_is_taken_whole_in_its_own_proportions() -> None:
    found = drawn(make_table(train=(90, 30), dev=(20, 5)), ALL, "natural")
    assert (found.train_counts, found.dev_counts, found.unused) == ((90, 30), (20, 5), (0, 0))
    sized = ImbalanceSpec(minority_size="all", dev_minority_size=2)
    assert drawn(make_table(train=(90, 30), dev=(20, 5)), sized, "natural").dev_counts == (8, 2)


def test_what_is_thrown_away_is_one_line() -> None:
    classes = [(1, "spam")]
    table = make_table(train=(3600, 560))
    sized = drawn(table, ImbalanceSpec(minority_size=20), 10)
    assert unused_rows(sized, classes) == ("20 of 560 'spam' rows are used (minority_size), 20 more as dev; all: 560")
    own_dev = drawn(make_table(train=(3600, 560), dev=(300, 50)), ImbalanceSpec(minority_size=20), 10)
    assert unused_rows(own_dev, classes) == "20 of 560 'spam' rows are used (minority_size); all: 560"
    assert unused_rows(drawn(table, ALL, "natural"), classes) == ""


@pytest.mark.parametrize(
    ("counts", "imbalance", "ratio", "message"),
    [
        ((9, 1), ALL, "natural", "ratio natural with minority_size all needs 1 train and 1 dev rows .* supply more"),
        ((9, 6), ImbalanceSpec(minority_size=4), "natural", "needs 4 train and 4 dev .* use minority_size up to 3$"),
        ((40, 9), ALL.model_copy(update={"dev_minority_size": 9}), 4, "which has 9 .* use dev_minority_size up to 8$"),
        ((70, 30), ImbalanceSpec(minority_size=5, dev_minority_size=90), 1, "; use dev_minority_size up to 25$"),
    ],
)
def test_a_shortage_says_what_would_do(
    counts: tuple[int, ...], imbalance: ImbalanceSpec, ratio: AskedRatio, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        drawn(make_table(train=counts), imbalance, ratio)


@pytest.mark.parametrize("imbalance", [ALL, ImbalanceSpec(minority_size=2)])
def test_a_class_without_candidates_is_refused_at_the_natural_ratio(imbalance: ImbalanceSpec) -> None:
    table = make_table(train=(9, 0))
    assert math.isinf(table.candidates.available.natural_ratio)
    with pytest.raises(DataError, match="of class 'class 1', which has 0"):
        drawn(table, imbalance, "natural")


def test_the_natural_ratio_is_largest_over_smallest_of_the_candidates() -> None:
    assert make_table(train=(100, 15, 40)).candidates.available.natural_ratio == 6.67
