"""The transformer itself, over texts laid end to end: no padding, and one prompt's keys for all of its texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional

from zostudy.lm.architecture import Architecture
from zostudy.lm.attention import Attention
from zostudy.lm.linear import linear

Tensors: TypeAlias = Mapping[str, Tensor]


def run_body(
    shape: Architecture, tensors: Tensors, inputs: Tensor, attention: Attention, read: Tensor | None
) -> Tensor:
    """Returns the last states, float32: ``[m, D]`` at the places ``read``, or ``[T, D]`` of all tokens for None.

    The stream between the layers stays float32 whatever the weights' dtype: sums of many small terms are where
    bfloat16 would drown a finite difference, and matrix products are where it pays.

    Args:
        shape: the architecture.
        tensors: its weights.
        inputs: float32 ``[T, D]``, token vectors, prompts among them.
        attention: knows which tokens see each other, and their positions.
        read: int64 ``[m]``; the last layer computes nothing else but these places' queries.
    """
    states = inputs if shape.rotary else inputs + tensors["positions"][attention.positions]
    states = normed(shape, tensors, "start_norm", states)
    layer = _layer_norm_first if shape.norm_first else _layer_norm_last
    for i in range(shape.n_layers):
        last = i == shape.n_layers - 1
        states = layer(shape, tensors, str(i), states, attention, read if last else None)
    return normed(shape, tensors, "end_norm", states)


def normed(shape: Architecture, tensors: Tensors, name: str, states: Tensor) -> Tensor:
    """Returns the states after the norm of that name; as they are where the model has none."""
    weight = tensors.get(f"{name}.weight")
    if weight is None:
        return states
    if shape.norm == "rms":
        return functional.rms_norm(states, weight.shape, weight, shape.norm_eps)
    return functional.layer_norm(states, weight.shape, weight, tensors[f"{name}.bias"], shape.norm_eps)


def _layer_norm_first(
    shape: Architecture, tensors: Tensors, i: str, states: Tensor, attention: Attention, read: Tensor | None
) -> Tensor:
    """GPT-2 and Llama: each part reads a normed copy of the stream and adds to it."""
    heads = attention(shape, tensors, i, normed(shape, tensors, f"{i}.attention_norm", states), read)
    states = states if read is None else states[read]
    states = states + linear(tensors, f"{i}.out", heads)
    return states + _feed_forward(shape, tensors, i, normed(shape, tensors, f"{i}.mlp_norm", states))


def _layer_norm_last(
    shape: Architecture, tensors: Tensors, i: str, states: Tensor, attention: Attention, read: Tensor | None
) -> Tensor:
    """BERT and RoBERTa: each sum is normed."""
    heads = attention(shape, tensors, i, states, read)
    states = states if read is None else states[read]
    states = normed(shape, tensors, f"{i}.attention_norm", states + linear(tensors, f"{i}.out", heads))
    return normed(shape, tensors, f"{i}.mlp_norm", states + _feed_forward(shape, tensors, i, states))


def _feed_forward(shape: Architecture, tensors: Tensors, i: str, states: Tensor) -> Tensor:
    if not shape.gated:
        return linear(tensors, f"{i}.down", linear(tensors, f"{i}.up", states, shape.activation))
    gate = linear(tensors, f"{i}.up", states, shape.activation, rows=slice(0, shape.mlp_width))
    up = linear(tensors, f"{i}.up", states, rows=slice(shape.mlp_width, None))
    return linear(tensors, f"{i}.down", gate * up)
