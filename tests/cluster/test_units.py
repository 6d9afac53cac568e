from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zostudy.cluster.score_buffer import ScoreBuffer
from zostudy.cluster.units import cut_queries, make_unit

SIZES = {"n_queries": st.integers(1, 70), "batch": st.integers(1, 600), "group": st.integers(1, 3)}


@given(**SIZES, unit_examples=st.integers(1, 300))
def test_units_hold_every_place_once_and_never_part_a_group(
    n_queries: int, batch: int, group: int, unit_examples: int
) -> None:
    latents = np.arange(n_queries, dtype=np.float32)[:, None]
    rows = np.arange(n_queries * batch, dtype=np.int32).reshape(n_queries, batch)
    cuts = cut_queries(rows.shape, group, unit_examples)
    units = [make_unit(cut, latents, rows, seed=5, group=group) for cut in cuts]
    assert all(unit.seed == 5 and len(unit.latents) == len(unit.rows) for unit in units)
    assert sum(unit.rows.size for unit in units) == rows.size
    scores = [np.stack([unit.rows, unit.rows * 0 + unit.latents.astype(np.int32)], axis=-1) for unit in units]
    scored = ScoreBuffer(rows.shape)
    for cut, part in zip(cuts, scores, strict=True):
        assert not scored.holds(cut)
        scored.add(cut, part)
        assert scored.holds(cut)
    assert scored.known.all()
    joined = scored.scores
    np.testing.assert_array_equal(joined[..., 0], rows)
    np.testing.assert_array_equal(joined[..., 1], np.broadcast_to(np.arange(n_queries)[:, None], rows.shape))
    assert all(cut.queries.start % group == 0 for cut in cuts)
    assert all(cut.queries.stop % group == 0 or cut.queries.stop == n_queries for cut in cuts)


@given(**SIZES, unit_examples=st.integers(1, 300))
def test_units_hold_at_most_what_they_should_unless_one_groups_example_is_more(
    n_queries: int, batch: int, group: int, unit_examples: int
) -> None:
    rows = np.zeros((n_queries, batch), np.int32)
    sizes = [rows[cut.queries, cut.columns].size for cut in cut_queries(rows.shape, group, unit_examples)]
    assert max(sizes) <= max(unit_examples + group, group)


def test_one_query_on_many_examples_is_cut_along_them() -> None:
    cuts = cut_queries((1, 1000), group=1, unit_examples=256)
    assert [cut.columns.stop - cut.columns.start for cut in cuts] == [250, 250, 250, 250]


def test_a_pair_larger_than_a_unit_is_cut_along_its_examples() -> None:
    cuts = cut_queries((4, 32), group=2, unit_examples=16)
    assert [(c.queries.start, c.queries.stop) for c in cuts] == [(0, 2)] * 4 + [(2, 4)] * 4
    assert [c.columns.stop - c.columns.start for c in cuts] == [8, 8, 8, 8] * 2
