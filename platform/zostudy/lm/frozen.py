"""A frozen language model that scores texts under many prompts: the evaluator."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from zostudy.config.study import ModelSpec
from zostudy.lm.attention import Attention, LengthBucket
from zostudy.lm.body import Transformer
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.packing import Indices, Layout, cut_forwards, lay_out
from zostudy.lm.padded import PaddedLM
from zostudy.lm.pooling import pooled
from zostudy.lm.reading import reading
from zostudy.lm.sources import ModelSource
from zostudy.lm.subspace import Subspaces
from zostudy.lm.weights import TORCH_DTYPES, DType, Weights, load_model, load_weights

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
        self._pooling = weights.pooling
        self._device = torch.device(device)
        self._model = Transformer.of(weights.architecture, weights.tensors(device))
        self._shares_prompts = can_share_prompts(weights, task)
        self._subspaces = Subspaces(
            self.embed, weights.embedding_spread, task.start_vocabulary, spec.prompt_tokens, spec.prompt_scale
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
        return functional.embedding(ids.to(self._device), self.embeddings)

    @property
    def embeddings(self) -> Tensor:
        """The vectors of all tokens ``[V, D]``, in the dtype of the matrix products."""
        return self._model.embeddings

    @torch.inference_mode()
    def score_prompts(self, prompts: Tensor, rows: NDArray[np.int32], group: int = 1) -> NDArray[np.float32]:
        """As ``score``, with the prompts themselves, float32 ``[q, n, D]``."""
        prompts = prompts.to(self._device)
        scores = np.empty((*rows.shape, self._task.n_classes), dtype=np.float32)
        most = FORWARD_TOKENS[self._device.type]
        lengths, prompt_tokens = self._task.lengths[rows], self._spec.prompt_tokens
        for queries, columns in cut_forwards(lengths, prompt_tokens, self._shares_prompts, group, most):
            scores[queries, columns] = self._forward(prompts, queries, rows[queries, columns])
        return scores

    def _forward(self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        layout = lay_out(self._task, queries, rows, self._spec.prompt_tokens, self._shares_prompts)
        inputs = self._embedded(layout.ids)
        inputs[self._to_device(layout.prompt_positions)] = prompts[self._to_device(layout.prompt_queries)]
        scores = self._read(inputs, self._attention(layout), layout)
        unsorted = np.empty((len(rows), self._task.n_classes), dtype=np.float32)
        unsorted[layout.order] = scores.cpu().numpy()
        return unsorted

    def _read(self, inputs: Tensor, attention: Attention, layout: Layout) -> Tensor:
        """Returns float32 scores ``[s, C]`` in the layout's order."""
        if self._labels is None:
            return self._model.logits(self._model.forward(inputs, attention, self._to_device(layout.read)))
        states = self._model.forward(inputs, attention, None)
        by_length = (states[b.start : b.stop].unflatten(0, (b.count, b.length)) for b in attention.buckets)
        texts = torch.cat([pooled(own, self._pooling) for own in by_length])
        return self._spec.temperature * functional.normalize(texts, dim=-1) @ self._labels.T

    def _attention(self, layout: Layout) -> Attention:
        positions = self._to_device(layout.positions)
        lengths, counts = np.unique(layout.lengths, return_counts=True)
        starts = layout.head + np.cumsum(lengths * counts) - lengths * counts
        buckets = [LengthBucket(*of) for of in zip(starts.tolist(), counts.tolist(), lengths.tolist(), strict=True)]
        if self._shares_prompts:
            n_prompts = len(layout.prompt_queries)
            prefixes = self._to_device(layout.prefixes).split(counts.tolist())
            texts = [LengthBucket(b.start, b.count, b.length, own) for b, own in zip(buckets, prefixes, strict=True)]
            buckets = [LengthBucket(0, n_prompts, layout.head // n_prompts), *texts]
        return Attention(positions, buckets, self._model.rotation(positions))

    def _embedded(self, ids: NDArray[np.int32]) -> Tensor:
        return self.embed(torch.from_numpy(ids)).float()

    @torch.inference_mode()
    def _label_states(self) -> Tensor:
        """Returns the label texts' unit vectors ``[C, D]``, without a prompt."""
        states = []
        for ids in self._task.label_texts:
            positions = self._to_device(np.arange(len(ids)))
            attention = Attention(positions, [LengthBucket(0, 1, len(ids))], self._model.rotation(positions))
            states.append(pooled(self._model.forward(self._embedded(ids), attention, None), self._pooling))
        return functional.normalize(torch.stack(states), dim=-1)

    def _to_device(self, array: NDArray[np.int64] | NDArray[np.int32]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def can_share_prompts(weights: Weights, task: EncodedTask) -> bool:
    """Returns whether texts may share a prompt's states: a causal prompt sees no text, and only its text is read.

    The encoder head reads the prompt's states too, and is given one a text.
    """
    has_own_tokens = bool(np.all(task.lengths[task.lengths > 0] > task.lead))
    return weights.architecture.causal and len(task.label_tokens) > 0 and has_own_tokens


Model: TypeAlias = Weights | ModelSource
"""What an evaluator is made of: weights that are read already, or where to read them."""

Evaluator: TypeAlias = FrozenLM | PaddedLM


def make_evaluator(spec: ModelSpec, model: Model, task: EncodedTask, dtype: DType, device: str = "cpu") -> Evaluator:
    """Returns the evaluator: the packed one where it is exact, else the padded one.

    Args:
        spec: prompt length and scale, temperature.
        model: weights in that dtype, or a source to load them from.
        task: the token ids.
        dtype: of the matrix products.
        device: a torch device.

    Raises:
        ModelError: the model cannot be loaded.
    """
    if isinstance(model, Weights):
        return FrozenLM(spec, model, task, device)
    with reading(model):
        weights = load_weights(model, task, spec.prompt_tokens, dtype)
        if weights is None:
            return PaddedLM(spec, load_model(model, TORCH_DTYPES[dtype]), model, task, device)
        return FrozenLM(spec, weights, task, device)
