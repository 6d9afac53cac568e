"""The floating point operations of a query in zostudy's evaluator, counted, not measured.

Two operations count for each multiply-add of every matrix product that the evaluator performs: the projections, the
feed-forward, attention's scores and its weighted sums, the head's rows, and a prompt out of its latent. Attention among
one text's tokens counts as the full square, also for causal models, whose upper half is computed and thrown away; a
prompt that texts share counts once a forward; the last layer counts where it is computed: keys and values everywhere,
the rest only where a token head reads. Norms, activations, sums and softmax are not matrix products and count nothing,
and nothing is counted that only the reference does: padding, the whole vocabulary's logits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zostudy.lm.architecture import Architecture
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.frozen import FORWARD_TOKENS
from zostudy.lm.packing import Layout, cut_forwards, lay_out


def count_flops(
    shape: Architecture,
    task: EncodedTask,
    rows: NDArray[np.int32],
    prompt_tokens: int,
    subspace_dim: int,
    device: str = "cpu",
) -> int:
    """Returns the operations of one call of ``FrozenLM.score`` with group 1.

    Args:
        shape: of the model.
        task: the token ids.
        rows: int32 ``[q, b]``.
        prompt_tokens: vectors of a prompt.
        subspace_dim: entries of a latent.
        device: decides how large forwards are.
    """
    shared = shape.causal and len(task.label_tokens) > 0
    total = 2 * len(rows) * subspace_dim * prompt_tokens * shape.width
    forwards = cut_forwards(task.lengths[rows], prompt_tokens, shared, 1, FORWARD_TOKENS[device])
    for queries, columns in forwards:
        layout = lay_out(task, queries, rows[queries, columns], prompt_tokens, shared)
        total += _forward(shape, layout, len(task.label_tokens), len(task.label_texts))
    return total


def _forward(shape: Architecture, layout: Layout, n_label_tokens: int, n_label_texts: int) -> int:
    n_texts, n_tokens = len(layout.lengths), len(layout.ids)
    n_prefixes = len(layout.prompt_queries) if layout.head else 0
    prefix = layout.head // n_prefixes if n_prefixes else 0
    seen = layout.lengths + prefix
    pairs = n_prefixes * prefix**2 + int(layout.lengths @ seen)
    whole_layer = _projections(shape, n_tokens, n_tokens) + _attention(shape, pairs)
    if n_label_texts:
        return shape.n_layers * whole_layer + 2 * n_texts * shape.width * n_label_texts
    last_layer = _projections(shape, n_tokens, n_texts) + _attention(shape, int(seen.sum()))
    head = 2 * n_texts * shape.width * (n_label_tokens + (shape.width if shape.head_activation else 0))
    return (shape.n_layers - 1) * whole_layer + last_layer + head


def _projections(shape: Architecture, n_tokens: int, n_read: int) -> int:
    """Returns a layer's operations but attention's, with keys and values of all tokens and the rest of some."""
    heads, kv_heads = shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim
    read = 2 * heads + (3 if shape.gated else 2) * shape.mlp_width
    return 2 * shape.width * (n_tokens * 2 * kv_heads + n_read * read)


def _attention(shape: Architecture, pairs: int) -> int:
    """Returns the operations of scores and weighted sums for pairs of a token and one that it sees."""
    return 2 * 2 * pairs * shape.n_heads * shape.head_dim
