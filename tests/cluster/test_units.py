from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zostudy.cluster.units import UNIT_EXAMPLES, cut_units, join_scores


@given(n_queries=st.integers(1, 70), batch=st.integers(1, 600), group=st.integers(1, 3))
def test_units_hold_every_query_once_in_order_and_never_part_a_group(n_queries: int, batch: int, group: int) -> None:
    latents = np.arange(n_queries, dtype=np.float32)[:, None]
    rows = np.arange(n_queries * batch, dtype=np.int32).reshape(n_queries, batch)
    units = cut_units(latents, rows, seed=5, group=group)
    assert all(unit.seed == 5 and len(unit.latents) == len(unit.rows) for unit in units)
    scores = [np.stack([unit.rows, unit.rows * 0 + unit.latents.astype(np.int32)], axis=-1) for unit in units]
    joined = join_scores(scores, n_queries)
    np.testing.assert_array_equal(joined[..., 0], rows)
    np.testing.assert_array_equal(joined[..., 1], np.broadcast_to(np.arange(n_queries)[:, None], rows.shape))
    if n_queries > 1:
        assert all(int(unit.latents[0, 0]) % group == 0 for unit in units)


@given(n_queries=st.integers(2, 70), batch=st.integers(1, 100))
def test_units_are_of_even_size_and_at_most_what_they_may_hold(n_queries: int, batch: int) -> None:
    units = cut_units(np.zeros((n_queries, 1), np.float32), np.zeros((n_queries, batch), np.int32), 0, group=1)
    sizes = [unit.rows.size for unit in units]
    assert max(sizes) <= max(UNIT_EXAMPLES, batch)
    assert max(sizes) - min(sizes) <= batch


def test_one_query_on_many_examples_is_cut_along_them() -> None:
    rows = np.arange(1000, dtype=np.int32)[None]
    units = cut_units(np.zeros((1, 3), np.float32), rows, 0, group=1)
    assert [unit.rows.shape[1] for unit in units] == [250, 250, 250, 250]
