"""Batches: epochs that cover everything, strata that are kept, and errors that say why."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zostudy.errors import SpecError
from zostudy.methods import Context, ImbalanceSettings
from zostudy.methods.batches import make_sampler


def context(
    counts: tuple[int, ...], batch_size: int, sampler: Any, seed: int = 0, rare: tuple[int, ...] = (1,)
) -> Context:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    rows = (1000 + 3 * np.arange(len(labels))).astype(np.int32)
    return Context(seed, labels, rows, len(counts), rare, batch_size, 100, ImbalanceSettings(sampler=sampler))


@given(st.integers(2, 40), st.integers(1, 50), st.integers(0, 100))
def test_natural_epochs_cover_everything_before_repeating(n: int, batch_size: int, seed: int) -> None:
    given_context = context((n - 1, 1), batch_size, "natural", seed)
    sampler = make_sampler(given_context)
    steps = -(-3 * n // batch_size)
    drawn = np.concatenate([sampler.batch(step) for step in range(steps)])
    for epoch in range(3):
        assert sorted(drawn[epoch * n : (epoch + 1) * n]) == given_context.rows.tolist()
    np.testing.assert_array_equal(sampler.batch(steps - 1), drawn[-batch_size:])


def test_batches_depend_on_the_seed_and_epochs_differ() -> None:
    first, same, other = (make_sampler(context((9, 7), 16, "natural", seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.batch(0), same.batch(0))
    assert not np.array_equal(first.batch(0), other.batch(0))
    assert not np.array_equal(first.batch(0), first.batch(1))
    assert first.batch(0).dtype == np.int32


@given(st.lists(st.integers(1, 60), min_size=2, max_size=5), st.integers(0, 30), st.integers(0, 20))
def test_stratified_batches_hold_every_class_in_equal_number(counts: list[int], extra: int, step: int) -> None:
    batch_size = len(counts) + extra
    given_context = context(tuple(counts), batch_size, "stratified")
    sampler = make_sampler(given_context)
    label_of = dict(zip(given_context.rows.tolist(), given_context.labels.tolist(), strict=True))
    seen = Counter(label_of[row] for row in sampler.batch(step).tolist())
    assert len(seen) == len(counts)
    assert max(seen.values()) - min(seen.values()) <= 1
    assert seen[1] == max(seen.values())  # the minority class is the first to get one more
    np.testing.assert_allclose(sampler.class_shares, [seen[k] / batch_size for k in range(len(counts))])


def test_stratified_epochs_cover_each_class_before_repeating() -> None:
    given_context = context((30, 5), 4, "stratified")
    sampler = make_sampler(given_context)
    drawn = np.stack([sampler.batch(step) for step in range(15)])
    assert sorted(drawn[:, :2].ravel()) == given_context.rows[:30].tolist()
    minority = drawn[:, 2:].ravel()
    assert [sorted(minority[i : i + 5]) for i in range(0, 30, 5)] == [given_context.rows[30:].tolist()] * 6


def test_natural_shares_are_those_of_the_draw() -> None:
    np.testing.assert_allclose(make_sampler(context((30, 10), 4, "natural")).class_shares, [0.75, 0.25])


def test_a_batch_smaller_than_the_number_of_classes_is_refused() -> None:
    with pytest.raises(SpecError, match=r"each of 3 classes, but budget\.batch_size is 2; raise it to 3 or use"):
        make_sampler(context((5, 5, 5), 2, "stratified"))


def test_a_class_without_examples_is_refused() -> None:
    with pytest.raises(SpecError, match="class 1 has none"):
        make_sampler(context((5, 0, 5), 6, "stratified"))
