"""The subspace of the prompts: prompt = start tokens' embeddings + A z, made from a seed in each replica."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from zostudy.randomness import generator

KEPT_SUBSPACES = 8

Embed = Callable[[torch.Tensor], torch.Tensor]
"""Token ids in, their vectors ``[..., D]`` out, as the model gives them to a text's tokens."""


@dataclass(frozen=True)
class Subspace:
    """Maps latents to prompts.

    Attributes:
        start: p0, the start tokens' embeddings, float32 ``[n, D]``.
        projection: A, float32 ``[d, n * D]`` (stored transposed).
    """

    start: torch.Tensor
    projection: torch.Tensor

    def prompts(self, latents: torch.Tensor) -> torch.Tensor:
        """Returns float32 prompts ``[q, n, D]`` for float32 latents ``[q, d]``."""
        return self.start + (latents @ self.projection).view(len(latents), *self.start.shape)


@dataclass
class Subspaces:
    """The subspaces of one model, made when they are first needed; the latest few are kept.

    The attributes are arguments of ``make_subspace``.
    """

    embed: Embed
    embedding_spread: float
    vocabulary: np.ndarray
    prompt_tokens: int
    prompt_scale: float
    _kept: OrderedDict[tuple[int, int], Subspace] = field(default_factory=OrderedDict)

    def get(self, seed: int, dim: int) -> Subspace:
        """Returns the subspace that the seed names, of that many dimensions."""
        if (seed, dim) not in self._kept:
            model = self.embed, self.embedding_spread, self.vocabulary, self.prompt_tokens, self.prompt_scale
            with torch.inference_mode(False), torch.no_grad():  # as autograd takes no tensors of the inference mode
                self._kept[seed, dim] = make_subspace(seed, dim, *model)
        self._kept.move_to_end((seed, dim))
        while len(self._kept) > KEPT_SUBSPACES:
            self._kept.popitem(last=False)
        return self._kept[seed, dim]


def make_subspace(
    seed: int,
    dim: int,
    embed: Embed,
    embedding_spread: float,
    vocabulary: np.ndarray,
    prompt_tokens: int,
    prompt_scale: float,
) -> Subspace:
    """Draws the start tokens and A from a seed; the same seed gives the same start tokens at every ``dim``.

    The entries of A are N(0, (prompt_scale * spread)^2 / dim), where spread is the standard deviation of all entries
    of the embeddings (BBT, Sun et al. 2022, section 3.3), so a standard normal latent moves each prompt entry by
    ``prompt_scale`` times that spread, whatever ``dim`` is.

    Args:
        seed: names the subspace.
        dim: d, at least 1.
        embed: gives the start tokens' vectors.
        embedding_spread: the standard deviation of all entries of all tokens' vectors, in float32 whatever their dtype.
        vocabulary: token ids that a start token may be (no special tokens).
        prompt_tokens: n.
        prompt_scale: see above.
    """
    start = embed(torch.from_numpy(start_tokens(seed, vocabulary, prompt_tokens))).float()
    normals = generator(seed, "projection", dim).standard_normal((dim, start.numel()), dtype=np.float32)
    scale = prompt_scale * embedding_spread / dim**0.5
    return Subspace(start, torch.from_numpy(normals).to(start.device) * scale)


def start_tokens(seed: int, vocabulary: np.ndarray, prompt_tokens: int) -> np.ndarray:
    """Returns the ids of the tokens ``[prompt_tokens]`` at whose embeddings a prompt starts."""
    return generator(seed, "start tokens").choice(vocabulary, size=prompt_tokens)
