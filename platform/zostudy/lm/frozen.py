"""A frozen language model that scores texts under many prompts: the evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from zostudy.config.model import ModelSpec
from zostudy.lm.architecture import Architecture
from zostudy.lm.attention import Attention, LengthBucket
from zostudy.lm.body import Transformer
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.linear import Linear
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.packing import Indices, Layout, cut_forwards, lay_out
from zostudy.lm.padded import PaddedLM
from zostudy.lm.pooling import pooled
from zostudy.lm.prompted import PromptedLM
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import TORCH_DTYPES, DType, Weights, load_model, load_weights

# Smaller forwards pay per call, larger ones fall out of the processor's caches.
FORWARD_TOKENS = {"cpu": 4096, "cuda": 65536}


class FrozenLM(PromptedLM):
    """A frozen model with a task's tokens: latents and row numbers in, label scores out."""

    def __init__(self, spec: ModelSpec, weights: Weights, task: EncodedTask, device: str = "cpu") -> None:
        """Takes the weights as they are: on the CPU nothing is copied.

        Args:
            spec: prompt length and scale, temperature.
            weights: of the model. They may hold the label words of other wordings too, behind those of this one.
            task: the token ids.
            device: a torch device.
        """
        super().__init__(spec, task, device, weights.embedding_spread)
        self._pooling = weights.pooling
        self._model = Transformer.of(weights.architecture, weights.tensors(device))
        self._label_rows = self._model.head_rows
        self._ask(task, 0)

    def reworded(self, task: EncodedTask, number: int) -> FrozenLM:
        """Returns the evaluator of another wording, which shares model and subspaces with this one.

        Args:
            task: the same rows in other words.
            number: the wording's index in the weights.
        """
        other = copy(self)
        other._ask(task, number)
        return other

    def _ask(self, task: EncodedTask, number: int) -> None:
        """Sets the task, and takes its label words' rows out of those that the weights hold for all wordings."""
        self._task = task
        self._can_share = can_share_prompts(self._model.shape, task)
        if self._label_rows is not None:
            own = slice(number * task.n_classes, (number + 1) * task.n_classes)
            weight, bias = self._label_rows.weight, self._label_rows.bias
            self._model = replace(self._model, head_rows=Linear(weight[own], None if bias is None else bias[own]))
        self._labels = None if len(task.label_tokens) else self._label_states()

    def embed(self, ids: Tensor) -> Tensor:
        """See ``PromptedLM``."""
        return functional.embedding(ids.to(self._device), self.embeddings)

    @property
    def embeddings(self) -> Tensor:
        """See ``PromptedLM``."""
        return self._model.embeddings

    @property
    def width(self) -> int:
        """See ``PromptedLM``."""
        return self.embeddings.shape[1]  # which may be fewer than the entries of a state

    def _forwards(self, rows: NDArray[np.int32], prompt_tokens: int, group: int) -> Iterator[tuple[Indices, Indices]]:
        most, shared = FORWARD_TOKENS[self._device.type], self._shares(prompt_tokens)
        return cut_forwards(self._task.lengths[rows], prompt_tokens, shared, group, most)

    def _shares(self, prompt_tokens: int) -> bool:
        """Returns whether texts share one copy of their prompt; there may be none to share."""
        return self._can_share and prompt_tokens > 0

    def _scores(self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]) -> Tensor:
        states, in_order = self._laid_states(prompts, queries, rows)
        if self._labels is None:
            scores = self._model.logits(states)
        else:
            scores = self._spec.temperature * functional.normalize(states, dim=-1) @ self._labels.T
        return scores[in_order]

    def _states(self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]) -> Tensor:
        states, in_order = self._laid_states(prompts, queries, rows)
        return states[in_order]

    def _laid_states(self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]) -> tuple[Tensor, Tensor]:
        """Returns the states ``[s, D]`` as they are laid out, and int64 ``[s]``, where each given text's state is."""
        n = prompts.shape[1]
        layout = lay_out(self._task, queries, rows, n, self._shares(n))
        ids, positions, prompt_positions, prompt_queries, prefixes, read, in_order = on_device(
            self._device,
            *(layout.ids, layout.positions, layout.prompt_positions, layout.prompt_queries, layout.prefixes),
            *(layout.read, np.argsort(layout.order)),
        )
        inputs = self.embed(ids).float()
        inputs[prompt_positions] = prompts[prompt_queries]
        attention = self._attention(layout, positions, prefixes)
        if self._labels is None:
            return self._model.forward(inputs, attention, read), in_order
        states = self._model.forward(inputs, attention, None)
        by_length = (states[b.start : b.stop].unflatten(0, (b.count, b.length)) for b in attention.buckets)
        return torch.cat([pooled(own, self._pooling) for own in by_length]), in_order

    def _attention(self, layout: Layout, positions: Tensor, prefixes: Tensor) -> Attention:
        lengths, counts = np.unique(layout.lengths, return_counts=True)
        starts = layout.head + np.cumsum(lengths * counts) - lengths * counts
        buckets = [LengthBucket(*of) for of in zip(starts.tolist(), counts.tolist(), lengths.tolist(), strict=True)]
        if layout.head:
            n_prompts = len(layout.prompt_queries)
            seen = prefixes.split(counts.tolist())
            texts = [LengthBucket(b.start, b.count, b.length, own) for b, own in zip(buckets, seen, strict=True)]
            buckets = [LengthBucket(0, n_prompts, layout.head // n_prompts), *texts]
        return self._attention_among(buckets, positions)

    def _attention_among(self, buckets: Sequence[LengthBucket], positions: Tensor) -> Attention:
        return Attention(self._model.shape, positions, buckets, self._model.rotation(positions))

    @torch.no_grad()
    def _label_states(self) -> Tensor:
        """Returns the label texts' unit vectors ``[C, D]``, without a prompt."""
        states = []
        for text in self._task.label_texts:
            ids, positions = on_device(self._device, text, np.arange(len(text)))
            attention = self._attention_among([LengthBucket(0, 1, len(text))], positions)
            states.append(pooled(self._model.forward(self.embed(ids).float(), attention, None), self._pooling))
        return functional.normalize(torch.stack(states), dim=-1)


def on_device(device: torch.device, *arrays: NDArray[np.integer[Any]]) -> list[Tensor]:
    """Returns index arrays as int64 tensors on a device, by one transfer, as each costs an accelerator alike."""
    together = torch.from_numpy(np.concatenate([array.ravel() for array in arrays]))
    if device.type == "cuda":
        together = together.pin_memory()
    parts = together.to(device, torch.int64, non_blocking=True).split([array.size for array in arrays])
    return [part.view(array.shape) for part, array in zip(parts, arrays, strict=True)]


def can_share_prompts(shape: Architecture, task: EncodedTask) -> bool:
    """Returns whether texts may share a prompt's states: a causal prompt sees no text, and only its text is read.

    The encoder head reads the prompt's states too, and is given one a text.
    """
    has_own_tokens = bool(np.all(task.lengths[task.lengths > 0] > task.lead))
    return shape.causal and len(task.label_tokens) > 0 and has_own_tokens


Model: TypeAlias = Weights | ModelSource
"""The model of an evaluator: weights that are read already, or the source to read them from."""

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
    return make_evaluators(spec, model, {"": task}, dtype, device)[""]


def make_evaluators(
    spec: ModelSpec, model: Model, encodings: Mapping[str, EncodedTask], dtype: DType, device: str = "cpu"
) -> dict[str, Evaluator]:
    """Returns the evaluator of each wording of a task. They share one model. See ``make_evaluator``.

    Args:
        spec: prompt length and scale, temperature.
        model: weights in that dtype for the encodings in this order, or a source to load them from.
        encodings: the token ids in each wording, by name.
        dtype: of the matrix products.
        device: a torch device.

    Raises:
        ModelError: the model cannot be loaded.
    """
    if isinstance(model, Weights):
        return packed_evaluators(spec, model, encodings, device)
    with load_errors_explained(model):
        weights = load_weights(model, [*encodings.values()], spec.prompt_tokens, dtype)
        if weights is None:
            loaded = load_model(model, TORCH_DTYPES[dtype], device)
            return {name: PaddedLM(spec, loaded, model, task) for name, task in encodings.items()}
        return packed_evaluators(spec, weights, encodings, device)


def packed_evaluators(
    spec: ModelSpec, weights: Weights, encodings: Mapping[str, EncodedTask], device: str = "cpu"
) -> dict[str, Evaluator]:
    """Returns the packed evaluator of each wording; see ``make_evaluators``."""
    first = FrozenLM(spec, weights, next(iter(encodings.values())), device)
    return {
        name: first.reworded(task, number) if number else first for number, (name, task) in enumerate(encodings.items())
    }
