from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zostudy.cluster.micro_batches import MicroBatch, ScoreBuffer, cut_queries

N_QUERIES, BATCH, GROUP, SIZE = st.integers(1, 70), st.integers(1, 600), st.integers(1, 3), st.integers(1, 300)


def cut(n_queries: int, batch: int, group: int, size: int) -> list[MicroBatch]:
    """Cuts queries whose latents name them, on examples that are numbered through."""
    latents = np.arange(n_queries, dtype=np.float32)[:, None]
    rows = np.arange(n_queries * batch, dtype=np.int32).reshape(n_queries, batch)
    return cut_queries(latents, rows, seed=5, group=group, size=size)


@pytest.mark.slow
@given(N_QUERIES, BATCH, GROUP, SIZE)
def test_micro_batches_hold_every_example_once_and_never_part_a_group(
    n_queries: int, n_examples: int, group: int, size: int
) -> None:
    batches = cut(n_queries, n_examples, group, size)
    assert all(batch.seed == 5 and len(batch.latents) == len(batch.rows) for batch in batches)
    assert sum(batch.rows.size for batch in batches) == n_queries * n_examples
    buffer = ScoreBuffer((n_queries, n_examples))
    for batch in batches:
        assert not buffer.holds(batch)
        values = np.broadcast_to(batch.latents, batch.rows.shape)
        buffer.add(batch, np.stack([batch.rows, values], axis=-1).astype(np.float32))
        assert buffer.holds(batch)
    assert buffer.known.all()
    rows = np.arange(n_queries * n_examples).reshape(n_queries, n_examples)
    np.testing.assert_array_equal(buffer.scores[..., 0], rows)
    np.testing.assert_array_equal(
        buffer.scores[..., 1], np.broadcast_to(np.arange(n_queries)[:, None], buffer.known.shape)
    )
    assert all(batch.queries.start % group == 0 for batch in batches)
    assert all(batch.queries.stop % group == 0 or batch.queries.stop == n_queries for batch in batches)


@given(N_QUERIES, BATCH, GROUP, SIZE)
def test_a_micro_batch_is_no_larger_than_asked_for_unless_one_groups_example_is(
    n_queries: int, n_examples: int, group: int, size: int
) -> None:
    assert max(batch.rows.size for batch in cut(n_queries, n_examples, group, size)) <= max(size + group, group)


def test_one_query_on_many_examples_is_cut_along_them() -> None:
    assert [batch.rows.size for batch in cut(1, 1000, group=1, size=256)] == [250, 250, 250, 250]


def test_a_pair_larger_than_a_micro_batch_is_cut_along_its_examples() -> None:
    batches = cut(4, 32, group=2, size=16)
    assert [(batch.queries.start, batch.queries.stop) for batch in batches] == [(0, 2)] * 4 + [(2, 4)] * 4
    assert [batch.rows.shape for batch in batches] == [(2, 8)] * 8
