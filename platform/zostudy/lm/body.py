"""The transformer itself, over texts laid end to end: no padding, and one prompt's keys for all of its texts.

The stream between the layers stays float32 whatever the weights' dtype: sums of many small terms are where bfloat16
would drown a finite difference, and matrix products are where it pays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from zostudy.lm.architecture import Architecture
from zostudy.lm.attention import Attention
from zostudy.lm.linear import Linear


@dataclass(frozen=True)
class Norm:
    """Layer norm (GPT-2, BERT, RoBERTa), or RMS norm (Llama), which has no bias."""

    weight: Tensor
    bias: Tensor | None
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the states, normed."""
        if self.bias is None:
            return functional.rms_norm(x, self.weight.shape, self.weight, self.eps)
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


@dataclass(frozen=True)
class Layer:
    """Attention and feed-forward."""

    shape: Architecture
    attention_norm: Norm
    qkv: Linear
    out: Linear
    mlp_norm: Norm
    up: Linear
    down: Linear

    def forward(self, x: Tensor, attention: Attention, read: Tensor | None) -> Tensor:
        """Returns the layer's states ``[T, D]`` for those before it, or ``[m, D]`` at the positions ``read`` alone."""
        if self.shape.norm_first:  # GPT-2 and Llama: each part reads a normed copy of the stream and adds to it
            x = self._attended(x, self.attention_norm(x), attention, read)
            return x + self._mlp(self.mlp_norm(x))
        x = self.attention_norm(self._attended(x, x, attention, read))  # BERT and RoBERTa: each sum is normed
        return self.mlp_norm(x + self._mlp(x))

    def _attended(self, x: Tensor, inputs: Tensor, attention: Attention, read: Tensor | None) -> Tensor:
        heads = attention(self.qkv, inputs, read)
        return (x if read is None else x[read]) + self.out(heads)

    def _mlp(self, x: Tensor) -> Tensor:
        shape = self.shape
        if not shape.gated:
            return self.down(self.up(x, shape.activation))
        gate = self.up(x, shape.activation, rows=slice(0, shape.mlp_width))
        return self.down(gate * self.up(x, rows=slice(shape.mlp_width, None)))


@dataclass(frozen=True)
class Transformer:
    """A packed model: the tensors of ``zostudy.lm.extraction``, each in its place.

    Attributes:
        shape: the architecture.
        embeddings: ``[V, D]``, in the dtype of the matrix products.
        positions: ``[P, D]``, added to the embeddings; None where positions turn the queries and keys.
        rotary: cosines and sines of the positions, ``[P, head_dim]`` each; None where ``positions`` is not.
        start_norm: of the embeddings.
        layers: in order.
        end_norm: of the last layer's states.
        head_dense: the masked head's transform.
        head_norm: of the transform.
        head_rows: the label words' rows of the output layer; None for the encoder head.
    """

    shape: Architecture
    embeddings: Tensor
    positions: Tensor | None
    rotary: tuple[Tensor, Tensor] | None
    start_norm: Norm | None
    layers: tuple[Layer, ...]
    end_norm: Norm | None
    head_dense: Linear | None
    head_norm: Norm | None
    head_rows: Linear | None

    @classmethod
    def of(cls, shape: Architecture, tensors: Mapping[str, Tensor]) -> Transformer:
        """Returns the model that these tensors make."""

        def linear(name: str) -> Linear:
            return Linear(tensors[f"{name}.weight"], tensors.get(f"{name}.bias"))

        def norm(name: str) -> Norm:
            return Norm(tensors[f"{name}.weight"], tensors.get(f"{name}.bias"), shape.norm_eps)

        def layer(i: int) -> Layer:
            attention = norm(f"{i}.attention_norm"), linear(f"{i}.qkv"), linear(f"{i}.out")
            return Layer(shape, *attention, norm(f"{i}.mlp_norm"), linear(f"{i}.up"), linear(f"{i}.down"))

        return cls(
            shape,
            tensors["embeddings"],
            positions=tensors.get("positions"),
            rotary=(tensors["rotary.cos"], tensors["rotary.sin"]) if shape.rotary else None,
            start_norm=norm("start_norm") if "start_norm.weight" in tensors else None,
            layers=tuple(map(layer, range(shape.n_layers))),
            end_norm=norm("end_norm") if "end_norm.weight" in tensors else None,
            head_dense=linear("head.dense") if shape.head_activation else None,
            head_norm=norm("head.norm") if shape.head_activation else None,
            head_rows=linear("head.rows") if "head.rows.weight" in tensors else None,
        )

    def forward(self, x: Tensor, attention: Attention, read: Tensor | None) -> Tensor:
        """Returns the last states, float32: ``[m, D]`` at the positions ``read``, or ``[T, D]`` of all tokens.

        Args:
            x: float32 ``[T, D]``, token vectors, prompts among them.
            attention: knows which tokens see each other, and their positions.
            read: int64 ``[m]``, or None; the last layer computes these positions' queries alone.
        """
        if self.positions is not None:
            x = x + self.positions[attention.positions]
        if self.start_norm:
            x = self.start_norm(x)
        for layer in self.layers:
            x = layer.forward(x, attention, read if layer is self.layers[-1] else None)
        return self.end_norm(x) if self.end_norm else x

    def logits(self, states: Tensor) -> Tensor:
        """Returns the label words' logits ``[m, C]`` for the states ``[m, D]`` at the answers."""
        if self.head_dense and self.head_norm:
            states = self.head_norm(self.head_dense(states, self.shape.head_activation))
        assert self.head_rows is not None
        return self.head_rows(states)

    def rotation(self, positions: Tensor) -> tuple[Tensor, Tensor] | None:
        """Returns cosines and sines ``[T, 1, head_dim]`` of positions, in the dtype of the matrix products."""
        if self.rotary is None:
            return None
        cos, sin = (table[positions].to(self.embeddings.dtype).unsqueeze(1) for table in self.rotary)
        return cos, sin
