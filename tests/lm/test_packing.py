from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zostudy.lm.encoding import EncodedTask
from zostudy.lm.packing import cut_forwards, lay_out

PROMPT = 3


@given(
    n_queries=st.integers(1, 12),
    batch=st.integers(1, 20),
    group=st.integers(1, 4),
    shared=st.booleans(),
    most_tokens=st.integers(1, 300),
    seed=st.integers(0, 99),
)
def test_forwards_hold_every_text_once_and_never_part_a_group(
    n_queries: int, batch: int, group: int, shared: bool, most_tokens: int, seed: int
) -> None:
    lengths = np.random.default_rng(seed).integers(1, 30, (n_queries, batch))
    seen = np.zeros((n_queries, batch), int)
    for queries, columns in cut_forwards(lengths, PROMPT, shared, group, most_tokens):
        np.add.at(seen, (queries, columns), 1)
        texts = set(zip(queries.tolist(), columns.tolist(), strict=True))
        for query, column in texts:
            first = query - query % group
            assert {(q, column) for q in range(first, min(first + group, n_queries))} <= texts
    assert (seen == 1).all()


@given(n_queries=st.integers(1, 12), batch=st.integers(1, 20), shared=st.booleans(), seed=st.integers(0, 99))
def test_a_forward_is_about_as_large_as_it_may_be(n_queries: int, batch: int, shared: bool, seed: int) -> None:
    lengths = np.random.default_rng(seed).integers(1, 30, (n_queries, batch))
    largest = 30 + PROMPT
    for queries, columns in cut_forwards(lengths, PROMPT, shared, 1, most_tokens=200):
        n_prompts = len(np.unique(queries)) if shared else len(queries)
        n_tokens = lengths[queries, columns].sum() + PROMPT * n_prompts
        assert n_tokens <= 1.5 * 200 + 2 * largest


def _task(seed: int, lead: int) -> EncodedTask:
    noise = np.random.default_rng(seed)
    lengths = noise.integers(lead + 1, 12, 10)
    rows = [np.concatenate([np.full(lead, 2), noise.integers(10, 99, n - lead)]) for n in lengths]
    return EncodedTask(
        tokens=np.concatenate(rows).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        answers=(lengths - 1).astype(np.int32),
        lead=lead,
        label_tokens=np.array([1, 2], np.int32),
        label_texts=(),
        start_vocabulary=np.arange(10, dtype=np.int32),
    )


@given(seed=st.integers(0, 99), lead=st.integers(0, 2), shared=st.booleans(), n_texts=st.integers(1, 30))
def test_each_text_can_be_read_back_from_where_it_lies(seed: int, lead: int, shared: bool, n_texts: int) -> None:
    task, noise = _task(seed, lead), np.random.default_rng(seed)
    queries, rows = noise.integers(0, 4, n_texts), noise.integers(0, 10, n_texts).astype(np.int32)
    layout = lay_out(task, queries, rows, PROMPT, shared)
    marked = layout.ids.astype(int)
    marked[layout.prompt_positions] = -1 - layout.prompt_queries[:, None]
    start = layout.head
    for position, length in enumerate(layout.lengths):
        text = layout.order[position]
        own = slice(start, start + length)
        whole = slice(0, 0)
        if shared:
            prefix = layout.head // len(layout.prompt_queries)
            whole = slice(layout.prefixes[position] * prefix, (layout.prefixes[position] + 1) * prefix)
        ids = task.tokens[task.offsets[rows[text]] : task.offsets[rows[text] + 1]]
        expected = [*ids[:lead], *[-1 - queries[text]] * PROMPT, *ids[lead:]]
        np.testing.assert_array_equal([*marked[whole], *marked[own]], expected)
        np.testing.assert_array_equal([*layout.positions[whole], *layout.positions[own]], np.arange(len(ids) + PROMPT))
        assert marked[layout.read[position]] == ids[task.answers[rows[text]]]
        start += length
    assert start == len(layout.ids)
    assert (np.diff(layout.lengths) >= 0).all()
