from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from zostudy.lm.subspace import KEPT_SUBSPACES, Subspaces

TABLE = torch.from_numpy(np.random.default_rng(0).normal(0.5, 0.3, size=(200, 16)).astype(np.float32))
SPREAD = float(TABLE.std())
VOCABULARY = np.arange(5, 200, dtype=np.int32)


def _subspaces(prompt_tokens: int = 4, prompt_scale: float = 1.0, **others: Any) -> Subspaces:
    return Subspaces(TABLE.__getitem__, SPREAD, VOCABULARY, prompt_tokens, prompt_scale, **others)


def test_prompt_is_start_embeddings_plus_projection_of_the_latent() -> None:
    subspace = _subspaces(prompt_scale=1.0).get(3, 7)
    latents = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    by_hand = [subspace.start + (z @ subspace.projection).reshape(4, 16) for z in latents]
    torch.testing.assert_close(subspace.prompts(latents), torch.stack(by_hand))
    assert all(any(torch.equal(row, TABLE[i]) for i in VOCABULARY) for row in subspace.start)


def test_a_standard_normal_latent_moves_each_entry_by_the_tables_spread_at_every_dim() -> None:
    for dim in (5, 50, 500):
        subspace = _subspaces(prompt_tokens=50, prompt_scale=2.0).get(0, dim)
        latents = torch.randn(400, dim, generator=torch.Generator().manual_seed(1))
        moved = (subspace.prompts(latents) - subspace.start).std().item()
        assert abs(moved / (2.0 * TABLE.std().item()) - 1) < 0.05


def test_start_tokens_depend_on_the_seed_alone() -> None:
    small, large, other = (_subspaces().get(seed, dim) for seed, dim in ((1, 3), (1, 30), (2, 3)))
    assert torch.equal(small.start, large.start)
    assert not torch.equal(small.start, other.start)


def test_without_a_subspace_a_latent_is_the_offset_of_each_entry_in_spreads() -> None:
    subspace = _subspaces(prompt_scale=2.0, kind="none").get(3, 64)
    latents = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    with_one = _subspaces(prompt_scale=2.0).get(3, 7)
    assert torch.equal(subspace.start, with_one.start)
    by_hand = np.stack([subspace.start.numpy() + 2.0 * SPREAD * z.numpy().reshape(4, 16) for z in latents])
    torch.testing.assert_close(subspace.prompts(latents), torch.from_numpy(by_hand))
    with pytest.raises(ValueError, match="has 64 entries, not 7"):
        _subspaces(kind="none").get(3, 7)


def test_a_start_text_takes_the_place_of_every_draw() -> None:
    text = np.array([9, 7, 9, 7], dtype=np.int32)
    starts = [_subspaces(start_text=text).get(seed, 3).start for seed in (0, 1)]
    assert all(torch.equal(start, TABLE[[9, 7, 9, 7]]) for start in starts)


def test_only_the_last_subspaces_are_kept_and_those_that_were_dropped_come_back_the_same() -> None:
    subspaces = _subspaces()
    first = subspaces.get(0, 3)
    for seed in range(1, KEPT_SUBSPACES):
        subspaces.get(seed, 3)
        assert subspaces.get(0, 3) is first
    for seed in range(1, KEPT_SUBSPACES + 1):
        subspaces.get(seed, 3)
    again = subspaces.get(0, 3)
    assert again is not first
    assert torch.equal(again.start, first.start)
    latent = torch.ones(1, 3)
    assert torch.equal(again.prompts(latent), first.prompts(latent))
