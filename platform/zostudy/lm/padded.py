"""The evaluator for models whose forward only transformers knows: padded batches, the prompt in front of every text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zostudy.lm.encoding import EncodedTask
from zostudy.lm.heads import EncoderHead, Head, TokenHead, mean_state
from zostudy.lm.sources import ModelSource
from zostudy.lm.subspace import Subspaces
from zostudy.lm.weights import TORCH_DTYPES, DType, load_model
from zostudy.spec.study import ModelSpec

# Larger forwards fall out of the processor's caches, smaller ones pay per call: measured on minilm and mini-roberta.
FORWARD_TOKENS = 2048

Places = NDArray[np.int64]


class PaddedLM:
    """As ``FrozenLM``, slower, for any model that transformers loads."""

    def __init__(
        self, spec: ModelSpec, source: ModelSource, task: EncodedTask, dtype: DType, device: str = "cpu"
    ) -> None:
        """Loads the weights and embeds nothing yet.

        Args:
            spec: prompt length and scale, temperature.
            source: where the model is.
            task: the token ids.
            dtype: of the whole model.
            device: a torch device.

        Raises:
            ModelError: the model cannot be loaded.
        """
        self._spec = spec
        self._task = task
        self._device = torch.device(device)
        self._dtype = TORCH_DTYPES[dtype]
        model = load_model(source, self._dtype).to(self._device)
        self._embeddings: Tensor = model.get_input_embeddings().weight
        self._body = model if source.head == "encoder" else model.base_model
        self._head = self._make_head(model, source)
        self._subspaces = Subspaces(
            self._embeddings,
            float(self._embeddings.float().std()),
            task.start_vocabulary,
            spec.prompt_tokens,
            spec.prompt_scale,
        )

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """See ``FrozenLM.score``."""
        return self.score_prompts(self.prompts(latents, seed), rows, group)

    @torch.inference_mode()
    def prompts(self, latents: NDArray[np.float32], seed: int) -> Tensor:
        """See ``FrozenLM.prompts``."""
        return self._subspaces.get(seed, latents.shape[1]).prompts(torch.from_numpy(latents).to(self._device))

    @property
    def embeddings(self) -> Tensor:
        """The model's input embeddings ``[V, D]``, in the model's dtype."""
        return self._embeddings

    @torch.inference_mode()
    def score_prompts(self, prompts: Tensor, rows: NDArray[np.int32], group: int = 1) -> NDArray[np.float32]:
        """See ``FrozenLM.score_prompts``."""
        prompts = prompts.to(self._device, self._dtype)
        scores = np.empty((*rows.shape, self._n_classes), dtype=np.float32)
        for queries, columns in self._forwards(rows, group):
            scores[queries, columns] = self._forward(prompts, queries, rows[queries, columns])
        return scores

    @property
    def _n_classes(self) -> int:
        return len(self._task.label_tokens) or len(self._task.label_texts)

    def _forwards(self, rows: NDArray[np.int32], group: int) -> Iterator[tuple[Places, Places]]:
        """Cuts the places (query, column) of the rows into forwards of similar length, never parting a group."""
        n_queries = len(rows)
        firsts = np.arange(0, n_queries, group)
        lengths = np.maximum.reduceat(self._task.lengths[rows], firsts, axis=0) + self._spec.prompt_tokens
        order = np.argsort(lengths.T, axis=None, kind="stable")
        columns, groups = np.unravel_index(order, lengths.T.shape)
        for part in _packed(lengths[groups, columns], max(1, FORWARD_TOKENS // group)):
            queries = (firsts[groups[part], None] + np.arange(group)).reshape(-1)
            there = queries < n_queries
            yield queries[there], np.repeat(columns[part], group)[there]

    def _forward(self, prompts: Tensor, queries: Places, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        ids, real = self._task.padded(rows)
        inputs, mask, answers = (
            torch.from_numpy(array).to(self._device) for array in (ids, real, self._task.answers[rows])
        )
        lead, prompt_tokens = self._task.lead, self._spec.prompt_tokens
        embedded = torch.nn.functional.embedding(inputs, self._embeddings)
        embedded = torch.cat([embedded[:, :lead], prompts[queries], embedded[:, lead:]], dim=1)
        mask = torch.cat([mask.new_ones(len(rows), prompt_tokens), mask], dim=1)
        scores = self._head(self._states(embedded, mask), answers + prompt_tokens, mask)
        return np.asarray(scores.float().cpu().numpy())

    def _states(self, embedded: Tensor, mask: Tensor) -> Tensor:
        attention_mask = None if bool(mask.all()) else mask.long()
        return torch.as_tensor(self._body(inputs_embeds=embedded, attention_mask=attention_mask).last_hidden_state)

    def _make_head(self, model: Any, source: ModelSource) -> Head:
        if source.head != "encoder":
            return TokenHead(model, torch.from_numpy(self._task.label_tokens).long().to(self._device))
        with torch.inference_mode():
            return EncoderHead(torch.cat([self._pooled(ids) for ids in self._task.label_texts]), self._spec.temperature)

    def _pooled(self, ids: NDArray[np.int32]) -> Tensor:
        inputs = torch.from_numpy(ids).to(self._device).unsqueeze(0)
        return mean_state(self._body(input_ids=inputs).last_hidden_state, torch.ones_like(inputs))


def _packed(lengths: NDArray[np.int64], most_tokens: int) -> Iterator[slice]:
    """Cuts ascending lengths into runs that, padded to their longest, hold at most so many tokens (one at least)."""
    start = 0
    for stop in range(1, len(lengths) + 1):
        if stop == len(lengths) or (stop + 1 - start) * lengths[stop] > most_tokens:
            yield slice(start, stop)
            start = stop
