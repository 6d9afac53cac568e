from __future__ import annotations

import re
from collections import Counter
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.config.imbalance import ImbalanceSpec
from zostudy.errors import DataError
from zostudy.tasks.imbalance import draw, rank_classes
from zostudy.tasks.table import TextTable


def make_table(train: Any, test: Any = (3, 3), dev: Any = None) -> TextTable:
    """A table with these numbers of distinct texts of each class in each split."""
    labels: list[int] = []
    splits = {}
    for name, counts in (("train", train), ("test", test), ("dev", dev)):
        if counts is not None:
            splits[name] = np.arange(len(labels), len(labels) + sum(counts))
            labels += np.repeat(range(len(counts)), counts).tolist()
    texts = tuple(f"text {row}" for row in range(len(labels)))
    names = tuple(f"class {label}" for label in range(len(train)))
    return TextTable(texts, None, np.array(labels, np.int32), names, splits)


def imbalance(size: int = 4, dev: int | None = None, profile: Literal["step", "exponential"] = "step") -> ImbalanceSpec:
    return ImbalanceSpec(minority_size=size, dev_minority_size=dev, profile=profile)


def counts(table: TextTable, rows: Any) -> tuple[int, ...]:
    return tuple(np.bincount(table.labels[rows], minlength=table.n_classes).tolist())


TABLE = make_table((900, 500))
sizes = st.integers(1, 8)
ratios = st.floats(1, 30, allow_nan=False).map(lambda ratio: round(ratio, 2))
seeds = st.integers(0, 2**32)


@given(size=sizes, dev=st.none() | sizes, ratio=ratios, seed=seeds, minority=st.sampled_from([(0,), (1,)]))
def test_counts_are_exact_and_splits_disjoint(size: int, dev: Any, ratio: float, seed: int, minority: Any) -> None:
    result = draw(TABLE, minority, imbalance(size, dev), ratio, seed)
    for rows, recorded, rare in (
        (result.train_rows, result.train_counts, size),
        (result.dev_rows, result.dev_counts, dev or size),
    ):
        expected = [round(rare * ratio)] * 2
        expected[minority[0]] = rare
        assert recorded == counts(TABLE, rows) == tuple(expected)
        assert rows.dtype == np.int32
        assert np.all(np.diff(rows) > 0)
        assert set(rows) <= set(TABLE.splits["train"])
    assert not set(result.train_rows) & set(result.dev_rows)
    assert result.test_rows.tolist() == TABLE.splits["test"].tolist()
    assert (result.n_minority, result.n_majority) == (size, round(size * ratio))
    assert result.left_out == 0


@given(size=sizes, low=ratios, high=ratios, seed=seeds, profile=st.sampled_from(["step", "exponential"]))
def test_a_larger_ratio_only_adds_rows_and_keeps_the_minority(
    size: int, low: float, high: float, seed: int, profile: Any
) -> None:
    table = make_table((600, 500, 550, 520), test=(2, 2, 2, 2))
    low, high = sorted((low, high))
    small, large = (draw(table, (3,), imbalance(size, None, profile), ratio, seed) for ratio in (low, high))
    for few, many in ((small.train_rows, large.train_rows), (small.dev_rows, large.dev_rows)):
        assert set(few) <= set(many)
        assert set(few[table.labels[few] == 3]) == set(many[table.labels[many] == 3])


@given(seed=seeds, ratio=ratios)
def test_a_draw_depends_on_nothing_but_its_arguments(seed: int, ratio: float) -> None:
    first, again = (draw(TABLE, (1,), imbalance(), ratio, seed) for _ in range(2))
    assert np.array_equal(first.train_rows, again.train_rows)
    assert np.array_equal(first.dev_rows, again.dev_rows)


def test_seeds_give_different_rows_and_every_row_its_chance() -> None:
    table = make_table((30, 10))
    drawn = [draw(table, (1,), imbalance(4), 3, seed).train_rows for seed in range(400)]
    assert len({tuple(rows) for rows in drawn}) == 400
    times = Counter(row for rows in drawn for row in rows.tolist())
    expected = 400 * 0.4  # 12 of 30 and 4 of 10
    assert set(times) == set(range(40))
    assert max(abs(count - expected) for count in times.values()) < 5 * np.sqrt(400 * 0.4 * 0.6)


def test_dev_has_a_split_of_its_own_where_one_is_named() -> None:
    table = make_table((50, 20), dev=(40, 10))
    result = draw(table, (1,), imbalance(10, 5), 5, seed=0)
    assert result.train_counts == (50, 10)
    assert result.dev_counts == (25, 5)
    assert set(result.dev_rows) <= set(table.splits["dev"])


def test_a_text_of_both_train_and_dev_serves_dev() -> None:
    texts = ("a", "b", "shared", "d", "shared", "f", "g", "h")
    splits = {"train": np.arange(4), "dev": np.arange(4, 6), "test": np.arange(6, 8)}
    table = TextTable(texts, None, np.array([0, 1] * 4, np.int32), ("x", "y"), splits)
    result = draw(table, (1,), imbalance(1), 1, seed=0)
    assert result.dev_rows.tolist() == [4, 5]
    assert result.train_rows[0] == 0, "row 2 is left out"


@given(
    words=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1)), min_size=40, max_size=60),
    dev=st.booleans(),
    seed=st.integers(0, 100),
)
@settings(max_examples=60)
def test_no_text_is_in_two_splits_or_twice(words: Any, dev: Any, seed: int) -> None:
    texts = tuple(f"text {word}" for word, _ in words)
    labels = np.array([label for _, label in words], np.int32)
    parts = np.split(np.arange(len(words)), [6, 16])
    splits = {"test": parts[0], "train": parts[2]} | ({"dev": parts[1]} if dev else {})
    table = TextTable(texts, None, labels, ("a", "b"), splits)
    try:
        result = draw(table, (1,), imbalance(1), 1, seed)
    except DataError:
        return
    test = {texts[row] for row in result.test_rows}
    drawn = [texts[row] for row in (*result.train_rows, *result.dev_rows)]
    assert len(drawn) == 4 == len(set(drawn) - test)
    taken = set(test)
    usable = 0
    for row in (*(parts[1] if dev else ()), *parts[2]):
        usable += texts[row] not in taken
        taken.add(texts[row])
    assert result.left_out == len(parts[2]) + (len(parts[1]) if dev else 0) - usable


def test_pairs_repeat_only_as_pairs() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 0, 1], np.int32)
    splits = {"train": np.arange(6), "test": np.arange(6, 8)}
    second_texts = ("a", "b", "c", "d", "e", "d", "c", "f")
    table = TextTable(("same",) * 8, second_texts, labels, ("x", "y"), splits)
    result = draw(table, (1,), imbalance(1), 1, seed=0)
    assert result.left_out == 2, "c is in test, the second d is a repeat"
    assert sorted([*result.train_rows, *result.dev_rows]) == [0, 1, 3, 4]


@given(
    has=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    size=sizes,
    dev=st.none() | sizes,
    ratio=ratios,
    own_dev=st.none() | st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
@settings(max_examples=300)
def test_refused_exactly_when_the_data_cannot_supply_it(
    has: Any, size: int, dev: Any, ratio: float, own_dev: Any
) -> None:
    table = make_table(has, dev=own_dev)
    asked = imbalance(size, dev)
    need_train, need_dev = (np.array([round(rare * ratio), rare]) for rare in (size, dev or size))
    if own_dev is None:
        possible = bool(np.all(need_train + need_dev <= has))
    else:
        possible = bool(np.all(need_train <= has) and np.all(need_dev <= own_dev))
    try:
        result = draw(table, (1,), asked, ratio, 0)
    except DataError as refusal:
        assert not possible
        check_remedies(table, asked, ratio, str(refusal))
    else:
        assert possible
        assert counts(table, result.train_rows) == tuple(need_train)


def check_remedies(table: TextTable, asked: ImbalanceSpec, ratio: float, message: str) -> None:
    assert "\n" not in message
    if found := re.search(r"ratios up to ([\d.]+)", message):
        best = float(found[1])
        draw(table, (1,), asked, best, 0)
        with pytest.raises(DataError):
            draw(table, (1,), asked, round(best + 0.01, 2), 0)
    for key, number in re.findall(r"(\w*minority_size) up to (\d+)", message):
        draw(table, (1,), asked.model_copy(update={key: int(number)}), ratio, 0)
        with pytest.raises(DataError):
            draw(table, (1,), asked.model_copy(update={key: int(number) + 1}), ratio, 0)


def test_a_refusal_has_the_numbers() -> None:
    with pytest.raises(DataError) as refusal:
        draw(make_table((70, 30)), (1,), imbalance(5), 10, 0)
    assert str(refusal.value) == (
        "imbalance ratio 10 with minority_size 5 needs 50 train and 50 dev rows of class 'class 0', "
        "which has 70 (repeats and texts of test not counted); use ratios up to 7.09 or "
        "minority_size up to 3"
    )
    with pytest.raises(DataError, match=r"needs 50 dev rows of class 'class 0', which has 9 .* up to 1.89"):
        draw(make_table((70, 30), dev=(9, 9)), (1,), imbalance(5), 10, 0)
    with pytest.raises(DataError, match=r"1 train and 1 dev rows of class 'class 1', which has 1 .* more rows"):
        draw(make_table((70, 1)), (1,), imbalance(1), 10, 0)


def test_step_and_exponential_profiles() -> None:
    table = make_table((300, 900, 500, 700), test=(1, 1, 1, 1))
    step = draw(table, (0, 2), imbalance(10), 20, 0)
    assert step.train_counts == (10, 200, 10, 200)
    exponential = draw(table, (0, 2), imbalance(10, 5, "exponential"), 8, 0)
    assert exponential.train_counts == (10, 80, 20, 40), "from the largest: 1 and 3, then the minority, 2 and 0"
    assert exponential.dev_counts == (5, 40, 10, 20)
    assert (exponential.n_minority, exponential.n_majority) == (10, 80)
    balanced = draw(table, (0, 2), imbalance(10, None, "exponential"), 1, 0)
    assert balanced.train_counts == (10, 10, 10, 10)


@given(ratio=ratios, seed=seeds)
def test_profiles_agree_on_two_classes(ratio: float, seed: int) -> None:
    step, exponential = (
        draw(TABLE, (1,), imbalance(5, 3, profile), ratio, seed) for profile in ("step", "exponential")
    )
    assert np.array_equal(step.train_rows, exponential.train_rows)
    assert np.array_equal(step.dev_rows, exponential.dev_rows)


def test_classes_are_ranked_by_train_alone() -> None:
    table = make_table((5, 9, 5, 7), test=(90, 1, 1, 1))
    assert rank_classes(table) == (1, 3, 0, 2)
    assert rank_classes(table, minority=(1, 0)) == (3, 2, 1, 0)
