from __future__ import annotations

import numpy as np
import torch

from zostudy.lm.subspace import make_subspace

TABLE = torch.from_numpy(np.random.default_rng(0).normal(0.5, 0.3, size=(200, 16)).astype(np.float32))
SPREAD = float(TABLE.std())
VOCABULARY = np.arange(5, 200, dtype=np.int32)


def test_prompt_is_start_embeddings_plus_projection_of_the_latent() -> None:
    subspace = make_subspace(3, 7, TABLE.__getitem__, SPREAD, VOCABULARY, prompt_tokens=4, prompt_scale=1.0)
    latents = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    by_hand = [subspace.start + (z @ subspace.projection).reshape(4, 16) for z in latents]
    torch.testing.assert_close(subspace.prompts(latents), torch.stack(by_hand))
    assert all(any(torch.equal(row, TABLE[i]) for i in VOCABULARY) for row in subspace.start)


def test_a_standard_normal_latent_moves_each_entry_by_the_tables_spread_at_every_dim() -> None:
    for dim in (5, 50, 500):
        subspace = make_subspace(0, dim, TABLE.__getitem__, SPREAD, VOCABULARY, prompt_tokens=50, prompt_scale=2.0)
        latents = torch.randn(400, dim, generator=torch.Generator().manual_seed(1))
        moved = (subspace.prompts(latents) - subspace.start).std().item()
        assert abs(moved / (2.0 * TABLE.std().item()) - 1) < 0.05


def test_start_tokens_depend_on_the_seed_alone() -> None:
    small, large, other = (
        make_subspace(s, d, TABLE.__getitem__, SPREAD, VOCABULARY, 4, 1.0) for s, d in ((1, 3), (1, 30), (2, 3))
    )
    assert torch.equal(small.start, large.start)
    assert not torch.equal(small.start, other.start)
