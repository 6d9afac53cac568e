"""A frozen language model that scores texts under many prompts: the evaluator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from zostudy.config.study import ModelSpec
from zostudy.lm.attention import Attention, LengthBucket
from zostudy.lm.body import normed, run_body
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.linear import linear
from zostudy.lm.packing import Layout, Places, cut_forwards, lay_out
from zostudy.lm.pooling import pooled
from zostudy.lm.subspace import Subspaces
from zostudy.lm.weights import TORCH_DTYPES, Weights

# Smaller forwards pay per call, larger ones fall out of the processor's caches.
FORWARD_TOKENS = {"cpu": 4096, "cuda": 65536}


class FrozenLM:
    """A frozen model with a task's tokens: latents and row numbers in, label scores out."""

    def __init__(self, spec: ModelSpec, weights: Weights, task: EncodedTask, device: str = "cpu") -> None:
        """Takes the weights as they are: on the CPU nothing is copied.

        Args:
            spec: prompt length and scale, temperature.
            weights: of the model.
            task: the token ids.
            device: a torch device.
        """
        self._spec = spec
        self._task = task
        self._weights = weights
        self._device = torch.device(device)
        self._tensors = weights.tensors(device)
        self._shares_prompts = can_share_prompts(weights, task)
        self._subspaces = Subspaces(
            self.embed,
            weights.embedding_spread,
            task.start_vocabulary,
            spec.prompt_tokens,
            spec.prompt_scale,
        )
        self._labels = None if len(task.label_tokens) else self._label_states()

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns float32 scores ``[q, b, C]``: the label words' logits of each row under each prompt.

        Args:
            latents: float32 ``[q, d]``.
            rows: int32 ``[q, b]``, row numbers of the task.
            seed: names the subspace and start tokens.
            group: number of consecutive queries that share a forward on each example, so that their difference is not
                disturbed by the batch it was computed in.
        """
        return self.score_prompts(self.prompts(latents, seed), rows, group)

    @torch.inference_mode()
    def prompts(self, latents: NDArray[np.float32], seed: int) -> Tensor:
        """Returns the prompts of latents ``[q, d]`` in the subspace that the seed names, float32 ``[q, n, D]``."""
        return self._subspaces.get(seed, latents.shape[1]).prompts(torch.from_numpy(latents).to(self._device))

    def embed(self, ids: Tensor) -> Tensor:
        """Returns the vectors ``[..., D]`` of tokens, in the dtype of the matrix products."""
        return functional.embedding(ids.to(self._device), self._tensors["embeddings"])

    @property
    def embeddings(self) -> Tensor:
        """The vectors of all tokens ``[V, D]``, in the dtype of the matrix products."""
        return self._tensors["embeddings"]

    @torch.inference_mode()
    def score_prompts(self, prompts: Tensor, rows: NDArray[np.int32], group: int = 1) -> NDArray[np.float32]:
        """As ``score``, with the prompts themselves, float32 ``[q, n, D]``."""
        prompts = prompts.to(self._device)
        scores = np.empty((*rows.shape, self._n_classes), dtype=np.float32)
        most = FORWARD_TOKENS[self._device.type]
        lengths, prompt_tokens = self._task.lengths[rows], self._spec.prompt_tokens
        for queries, columns in cut_forwards(lengths, prompt_tokens, self._shares_prompts, group, most):
            scores[queries, columns] = self._forward(prompts, queries, rows[queries, columns])
        return scores

    @property
    def _n_classes(self) -> int:
        return len(self._task.label_tokens) or len(self._task.label_texts)

    def _forward(self, prompts: Tensor, queries: Places, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        layout = lay_out(self._task, queries, rows, self._spec.prompt_tokens, self._shares_prompts)
        inputs = self._embedded(layout.ids)
        inputs[self._to_device(layout.prompt_places)] = prompts[self._to_device(layout.prompt_queries)]
        scores = self._read(inputs, self._attention(layout), layout)
        unsorted = np.empty((len(rows), self._n_classes), dtype=np.float32)
        unsorted[layout.order] = scores.cpu().numpy()
        return unsorted

    def _read(self, inputs: Tensor, attention: Attention, layout: Layout) -> Tensor:
        """Returns float32 scores ``[s, C]`` in the layout's order."""
        shape, tensors = self._weights.architecture, self._tensors
        if self._labels is not None:
            states = self._pooled(run_body(shape, tensors, inputs, attention, None), attention.blocks)
            return self._spec.temperature * functional.normalize(states, dim=-1) @ self._labels.T
        states = run_body(shape, tensors, inputs, attention, self._to_device(layout.read))
        if shape.head_activation:
            states = linear(tensors, "head.dense", states, shape.head_activation)
            states = normed(shape, tensors, "head.norm", states)
        return linear(tensors, "head.rows", states)

    def _attention(self, layout: Layout) -> Attention:
        positions = self._to_device(layout.positions)
        lengths, counts = np.unique(layout.lengths, return_counts=True)
        ends = layout.head + np.cumsum(lengths * counts)
        blocks = [
            LengthBucket(int(end - length * count), int(count), int(length))
            for end, length, count in zip(ends, lengths, counts, strict=True)
        ]
        if self._shares_prompts:
            blocks = self._behind_prefixes(blocks, layout, counts)
        return Attention(positions, blocks, self._rotation(positions))

    def _rotation(self, positions: Tensor) -> tuple[Tensor, Tensor] | None:
        if not self._weights.architecture.rotary:
            return None
        dtype = TORCH_DTYPES[self._weights.dtype]
        cos, sin = (self._tensors[name][positions].to(dtype) for name in ("rotary.cos", "rotary.sin"))
        return cos.unsqueeze(1), sin.unsqueeze(1)

    def _behind_prefixes(self, blocks: list[LengthBucket], layout: Layout, counts: Places) -> list[LengthBucket]:
        n_prompts = len(layout.prompt_queries)
        prefixes = self._to_device(layout.prefixes).split(counts.tolist())
        behind = [LengthBucket(b.start, b.count, b.length, own) for b, own in zip(blocks, prefixes, strict=True)]
        return [LengthBucket(0, n_prompts, layout.head // n_prompts), *behind]

    def _embedded(self, ids: NDArray[np.int32]) -> Tensor:
        return self.embed(torch.from_numpy(ids)).float()

    def _pooled(self, states: Tensor, blocks: Sequence[LengthBucket]) -> Tensor:
        """Returns each text's state, ``[s, D]``, for the states ``[T, D]`` of all tokens."""
        of_blocks = (states[b.start : b.stop].unflatten(0, (b.count, b.length)) for b in blocks)
        return torch.cat([pooled(own, self._weights.pooling) for own in of_blocks])

    @torch.inference_mode()
    def _label_states(self) -> Tensor:
        """Returns the label texts' unit vectors ``[C, D]``, without a prompt."""
        states = []
        for ids in self._task.label_texts:
            positions = self._to_device(np.arange(len(ids)))
            attention = Attention(positions, [LengthBucket(0, 1, len(ids))], self._rotation(positions))
            whole = run_body(self._weights.architecture, self._tensors, self._embedded(ids), attention, None)
            states.append(pooled(whole, self._weights.pooling))
        return functional.normalize(torch.stack(states), dim=-1)

    def _to_device(self, array: NDArray[np.int64] | NDArray[np.int32]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def can_share_prompts(weights: Weights, task: EncodedTask) -> bool:
    """Causal prompts see no text, so texts may share them; the encoder head reads them, and is given one a text."""
    has_own_tokens = bool(np.all(task.lengths[task.lengths > 0] > task.lead))
    return weights.architecture.causal and len(task.label_tokens) > 0 and has_own_tokens
