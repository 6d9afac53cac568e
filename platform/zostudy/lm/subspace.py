"""The subspace of the prompts: prompt = start tokens' embeddings + A z, made from a seed in each replica.

Without a subspace (``model.subspace: none``) A is a multiple of the identity: z holds each entry's own offset.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from zostudy.config.model import ModelSpec, SubspaceKind
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.start import start_tokens
from zostudy.randomness import generator

KEPT_SUBSPACES = 8

Embed = Callable[[torch.Tensor], torch.Tensor]
"""Token ids in, their vectors ``[..., D]`` out, as the model gives them to a text's tokens."""


@dataclass(frozen=True)
class Subspace:
    """Maps latents to prompts.

    Attributes:
        start: p0, the start tokens' embeddings, float32 ``[n, D]``.
        projection: A, float32 ``[d, n * D]`` (stored transposed); or the factor that A multiplies each entry by.
    """

    start: torch.Tensor
    projection: torch.Tensor | float

    def prompts(self, latents: torch.Tensor) -> torch.Tensor:
        """Returns float32 prompts ``[q, n, D]`` for float32 latents ``[q, d]``."""
        moved = latents * self.projection if isinstance(self.projection, float) else latents @ self.projection
        return self.start + moved.view(len(latents), *self.start.shape)


@dataclass
class Subspaces:
    """The subspaces of one model's prompts, made when they are first needed; the latest few are kept.

    The entries of A are N(0, (prompt_scale * spread)^2 / d), where spread is the standard deviation of all entries
    of the embeddings (BBT, Sun et al. 2022, section 3.3), so a standard normal latent moves each prompt entry by
    ``prompt_scale`` times that spread, whatever d is. Without a subspace A is ``prompt_scale * spread`` times the
    identity, so a latent is the prompt's offset in these spreads (as in ZOT and projection-free evolution strategies).

    Attributes:
        embed: gives the start tokens' vectors.
        embedding_spread: the standard deviation of all entries of all tokens' vectors, in float32 whatever their dtype.
        vocabulary: token ids that a start token may be (no special tokens).
        prompt_tokens: n.
        prompt_scale: see above.
        kind: of subspace.
        start_text: ids ``[n]`` that take the place of drawn start tokens.
    """

    embed: Embed
    embedding_spread: float
    vocabulary: np.ndarray
    prompt_tokens: int
    prompt_scale: float
    kind: SubspaceKind = "random"
    start_text: np.ndarray | None = None
    _kept: OrderedDict[tuple[int, int], Subspace] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, spec: ModelSpec, task: EncodedTask, embed: Embed, embedding_spread: float) -> Subspaces:
        """Returns the subspaces of a study's prompts."""
        drawn = task.start_vocabulary, spec.prompt_tokens, spec.prompt_scale
        return cls(embed, embedding_spread, *drawn, spec.subspace, task.start_text)

    def get(self, seed: int, dim: int) -> Subspace:
        """Returns the subspace that the seed names, of ``dim`` dimensions; a seed has one start for all of them.

        Raises:
            ValueError: there is no subspace, and ``dim`` is not that of the prompt.
        """
        if (seed, dim) not in self._kept:
            with torch.inference_mode(False), torch.no_grad():  # as autograd takes no tensors of the inference mode
                self._kept[seed, dim] = self._drawn(seed, dim)
        self._kept.move_to_end((seed, dim))
        while len(self._kept) > KEPT_SUBSPACES:
            self._kept.popitem(last=False)
        return self._kept[seed, dim]

    def _drawn(self, seed: int, dim: int) -> Subspace:
        tokens = start_tokens(seed, self.vocabulary, self.prompt_tokens, self.start_text)
        start = self.embed(torch.from_numpy(tokens)).float()
        if self.kind == "none":
            if dim != start.numel():
                raise ValueError(f"a latent without a subspace has {start.numel()} entries, not {dim}")
            return Subspace(start, self.prompt_scale * self.embedding_spread)
        normals = generator(seed, "projection", dim).standard_normal((dim, start.numel()), dtype=np.float32)
        scale = self.prompt_scale * self.embedding_spread / dim**0.5
        return Subspace(start, torch.from_numpy(normals).to(start.device) * scale)
