"""Attention among texts that lie end to end: one length at a time, each text behind a prompt that texts may share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from zostudy.lm.architecture import Architecture
from zostudy.lm.linear import Linear


@dataclass(frozen=True)
class LengthBucket:
    """Neighbouring sequences of one length.

    Attributes:
        start: position of the first token.
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
        """The position after the last token."""
        return self.start + self.count * self.length


@dataclass(frozen=True)
class Attention:
    """Attention in one forward of T tokens: each token's position, and the tokens that it sees.

    Attributes:
        shape: of the model.
        positions: int64 ``[T]``, each token's position in its own input.
        buckets: all the tokens, in order; where texts share prefixes, the first bucket holds these.
        rotation: cosines and sines ``[T, 1, head_dim]`` of the positions, or None.
    """

    shape: Architecture
    positions: Tensor
    buckets: Sequence[LengthBucket]
    rotation: tuple[Tensor, Tensor] | None = None

    def __call__(self, qkv: Linear, states: Tensor, read: Tensor | None) -> Tensor:
        """Returns the joined heads ``[T, n_heads * head_dim]`` before the output projection.

        Args:
            qkv: a layer's projections to queries, keys and values.
            states: ``[T, D]``.
            read: int64 ``[m]``, one position a text, in the buckets' order: only these are computed, ``[m, ...]``.
        """
        queries, keys, values = self._projected(qkv, states, read)
        shares = self.buckets[-1].prefixes is not None
        outputs, done = [], 0
        for bucket, mask in [*zip(self.buckets, self._masks, strict=True)][read is not None and shares :]:
            n_own = bucket.count * (bucket.length if read is None else 1)
            own = queries[done : done + n_own]
            outputs.append(self._attend(bucket, own, keys, values, mask if read is None else None))
            done += n_own
        return torch.cat(outputs)

    @cached_property
    def _masks(self) -> list[Tensor | None]:
        """What the tokens of each bucket see, for all layers; None where that is everything."""
        device, prefix = self.positions.device, self.buckets[0].length
        return [
            _causal_mask(0 if bucket.prefixes is None else prefix, bucket.length, device)
            if self.shape.causal and bucket.length > 1
            else None
            for bucket in self.buckets
        ]

    def _projected(self, qkv: Linear, states: Tensor, read: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Returns queries, keys and values ``[T, heads, head_dim]``, rotated by their positions."""
        shape = self.shape
        n_query, n_key = shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim
        if read is None:
            queries, keys, values = qkv(states).split([n_query, n_key, n_key], dim=1)
        else:
            queries = qkv(states[read], rows=slice(0, n_query))
            keys, values = qkv(states, rows=slice(n_query, None)).split(n_key, dim=1)
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
        self, bucket: LengthBucket, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None
    ) -> Tensor:
        queries = queries.unflatten(0, (bucket.count, -1)).transpose(1, 2)
        keys, values = self._seen(bucket, keys), self._seen(bucket, values)
        heads: Tensor = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        return heads.transpose(1, 2).flatten(2).flatten(0, 1)

    def _seen(self, bucket: LengthBucket, tokens: Tensor) -> Tensor:
        """Returns a bucket's part ``[count, heads, length, head_dim]``, behind the prefixes that its texts share."""
        seen: Tensor = tokens[bucket.start : bucket.stop].unflatten(0, (bucket.count, bucket.length))
        if bucket.prefixes is not None:
            first = self.buckets[0]
            prefixes = tokens[: first.stop].unflatten(0, (first.count, first.length))
            seen = torch.cat([prefixes[bucket.prefixes], seen], dim=1)
        return seen.transpose(1, 2)


def _causal_mask(n_prefix: int, length: int, device: torch.device) -> Tensor:
    """Returns the mask ``[length, n_prefix + length]`` of what a token may see: the prefix, and no later token."""
    mask: Tensor = torch.ones(length, n_prefix + length, dtype=torch.bool, device=device)
    return mask.tril(diagonal=n_prefix)


def _apply_rotary(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions (RoFormer, Su et al. 2021): entry j and entry j + head_dim / 2 turn together."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat([-second, first], dim=-1) * sin
