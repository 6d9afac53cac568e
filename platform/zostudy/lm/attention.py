"""Attention among texts that lie end to end: block by block of equal length, behind a prompt that texts may share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from zostudy.lm.architecture import Architecture
from zostudy.lm.linear import linear

Tensors: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True)
class LengthBucket:
    """Neighbouring sequences of one length.

    Attributes:
        start: place of the first token.
        count: sequences.
        length: tokens of each.
        prefixes: int64 ``[count]``, the shared prefix that each one sees, or None.
    """

    start: int
    count: int
    length: int
    prefixes: Tensor | None = None

    @property
    def stop(self) -> int:
        """The place after the last token."""
        return self.start + self.count * self.length


@dataclass(frozen=True)
class Attention:
    """Who sees whom in one forward of T tokens.

    Attributes:
        positions: int64 ``[T]``, each token's position in its own input.
        blocks: all the tokens, in order; where texts share prefixes, the first block is these.
        rotation: cosines and sines ``[T, 1, head_dim]`` of the positions, or None.
    """

    positions: Tensor
    blocks: Sequence[LengthBucket]
    rotation: tuple[Tensor, Tensor] | None = None

    def __call__(
        self, shape: Architecture, tensors: Tensors, layer: str, states: Tensor, read: Tensor | None
    ) -> Tensor:
        """Returns the joined heads ``[T, n_heads * head_dim]`` before the output projection.

        Args:
            shape: the architecture.
            tensors: its weights.
            layer: which layer's projections.
            states: ``[T, D]``.
            read: int64 ``[m]``, one place a text, in the blocks' order: only these are computed, ``[m, ...]``.
        """
        queries, keys, values = self._projected(shape, tensors, layer, states, read)
        blocks = self.blocks if read is None or not self._shares else self.blocks[1:]
        outputs, done = [], 0
        for block in blocks:
            n_own = block.count * (block.length if read is None else 1)
            outputs.append(self._attend(block, queries[done : done + n_own], keys, values, shape))
            done += n_own
        return torch.cat(outputs)

    @property
    def _shares(self) -> bool:
        return self.blocks[-1].prefixes is not None

    def _projected(
        self, shape: Architecture, tensors: Tensors, layer: str, states: Tensor, read: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns queries, keys and values ``[T, heads, head_dim]``, turned by their positions."""
        n_query, n_key = shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim
        name = f"{layer}.qkv"
        if read is None:
            queries, keys, values = linear(tensors, name, states).split([n_query, n_key, n_key], dim=1)
        else:
            queries = linear(tensors, name, states[read], rows=slice(0, n_query))
            keys, values = linear(tensors, name, states, rows=slice(n_query, None)).split(n_key, dim=1)
        queries, keys, values = (part.unflatten(1, (-1, shape.head_dim)) for part in (queries, keys, values))
        if self.rotation is not None:
            cos, sin = self.rotation
            keys = _apply_rotary(keys, cos, sin)
            queries = _apply_rotary(queries, cos, sin) if read is None else _apply_rotary(queries, cos[read], sin[read])
        repeats = shape.n_heads // shape.n_kv_heads
        if repeats > 1:
            keys, values = keys.repeat_interleave(repeats, dim=1), values.repeat_interleave(repeats, dim=1)
        return queries, keys, values

    def _attend(
        self, block: LengthBucket, queries: Tensor, keys: Tensor, values: Tensor, shape: Architecture
    ) -> Tensor:
        own = slice(block.start, block.stop)
        seen_keys, seen_values = (self._seen(block, part, part[own]) for part in (keys, values))
        asking = queries.unflatten(0, (block.count, -1)).transpose(1, 2)
        masked = shape.causal and asking.shape[2] > 1
        heads: Tensor = functional.scaled_dot_product_attention(
            asking,
            seen_keys,
            seen_values,
            attn_mask=_causal_mask(seen_keys.shape[2] - block.length, block.length, queries) if masked else None,
        )
        return heads.transpose(1, 2).flatten(2).flatten(0, 1)

    def _seen(self, block: LengthBucket, everything: Tensor, own: Tensor) -> Tensor:
        """Returns ``[count, heads, length, head_dim]``, the shared prefix in front where there is one."""
        seen: Tensor = own.unflatten(0, (block.count, block.length))
        if block.prefixes is not None:
            first = self.blocks[0]
            prefixes = everything[: first.stop].unflatten(0, (first.count, first.length))
            seen = torch.cat([prefixes[block.prefixes], seen], dim=1)
        return seen.transpose(1, 2)


def _causal_mask(n_prefix: int, length: int, like: Tensor) -> Tensor:
    """Returns the mask ``[length, n_prefix + length]`` of what a token may see: the prefix, and no later token."""
    mask: Tensor = torch.ones(length, n_prefix + length, dtype=torch.bool, device=like.device)
    return mask.tril(diagonal=n_prefix)


def _apply_rotary(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions (RoFormer, Su et al. 2021): entry j and entry j + head_dim / 2 turn together."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat([-second, first], dim=-1) * sin
