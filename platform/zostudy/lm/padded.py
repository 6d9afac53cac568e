"""The evaluator for models whose forward only transformers knows: its own model, on batches with a prompt a text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zostudy.config.study import ModelSpec
from zostudy.lm.architecture import padding_of
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.heads import EncoderHead, Head, TokenHead
from zostudy.lm.pooling import find_pooling
from zostudy.lm.sources import ModelSource
from zostudy.lm.subspace import Subspaces

# Larger forwards fall out of the processor's caches, smaller ones pay per call: measured on minilm and mini-roberta.
FORWARD_TOKENS = 2048
# So that a large vocabulary's vectors are never all there at once.
_TOKENS_AT_ONCE = 4096

Places = NDArray[np.int64]


class PaddedLM:
    """As ``FrozenLM``, slower, for any model that transformers loads; embeds and reads with the model's own modules."""

    def __init__(
        self, spec: ModelSpec, model: Any, source: ModelSource, task: EncodedTask, device: str = "cpu"
    ) -> None:
        """Takes the model as it is.

        Args:
            spec: prompt length and scale, temperature.
            model: from ``load_model``.
            source: where it came from.
            task: the token ids.
            device: a torch device.

        Raises:
            ModelError: an encoder pools its states in a way that we do not know.
        """
        self._spec = spec
        self._task = task
        self._device = torch.device(device)
        self._model = model.to(self._device)
        self._embedding = model.get_input_embeddings()
        self._dtype: torch.dtype = self._embedding.weight.dtype
        self._padding = padding_of(model.config, source.head)
        self._head = self._make_head(source)
        self._subspaces = Subspaces(
            self.embed, self._embedding_spread(), task.start_vocabulary, spec.prompt_tokens, spec.prompt_scale
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

    @torch.inference_mode()
    def embed(self, ids: Tensor) -> Tensor:
        """Returns the vectors ``[..., D]`` of tokens, in the model's dtype: by its own module, which may scale them."""
        return torch.as_tensor(self._embedding(ids.to(self._device)))

    @property
    def embeddings(self) -> Tensor:
        """The vectors of all tokens ``[V, D]``, in the model's dtype."""
        return self.embed(torch.arange(len(self._embedding.weight)))

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
            places = queries[there], np.repeat(columns[part], group)[there]
            yield from self._by_length(rows, *places) if self._padding == "none" else [places]

    def _by_length(self, rows: NDArray[np.int32], queries: Places, columns: Places) -> Iterator[tuple[Places, Places]]:
        """Parts a forward so that no text of it is padded."""
        lengths = self._task.lengths[rows[queries, columns]]
        for length in np.unique(lengths):
            yield queries[lengths == length], columns[lengths == length]

    def _forward(self, prompts: Tensor, queries: Places, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        ids, real = self._task.padded(rows)
        lead, prompt_tokens = self._task.lead, self._spec.prompt_tokens
        texts = self.embed(torch.from_numpy(ids))
        inputs = {"inputs_embeds": torch.cat([texts[:, :lead], prompts[queries], texts[:, lead:]], dim=1)}
        if self._padding == "masked" and not real.all():
            mask = torch.from_numpy(real).to(self._device).long()
            inputs["attention_mask"] = torch.cat([mask.new_ones(len(rows), prompt_tokens), mask], dim=1)
        answers = torch.from_numpy(self._task.answers[rows].astype(np.int64)).to(self._device) + prompt_tokens
        scores = self._head(inputs, answers, (self._task.lengths[rows] + prompt_tokens).tolist())
        return np.asarray(scores.float().cpu().numpy())

    @torch.inference_mode()
    def _make_head(self, source: ModelSource) -> Head:
        if source.head != "encoder":
            return TokenHead(self._model, torch.from_numpy(self._task.label_tokens).long().to(self._device))
        pooling = find_pooling(source, self._task.lead)
        return EncoderHead(self._model, self._task.label_texts, pooling, self._spec.temperature)

    def _embedding_spread(self) -> float:
        """Returns the standard deviation of all entries of all tokens' vectors."""
        total = squares = count = 0.0
        for ids in torch.arange(len(self._embedding.weight)).split(_TOKENS_AT_ONCE):
            vectors = self.embed(ids).double()
            total, squares = total + float(vectors.sum()), squares + float(vectors.square().sum())
            count += vectors.numel()
        return float(np.sqrt(max(0.0, squares - total * total / count) / (count - 1)))


def _packed(lengths: NDArray[np.int64], most_tokens: int) -> Iterator[slice]:
    """Splits ascending lengths into runs that, padded to the longest, hold at most ``most_tokens`` tokens."""
    start = 0
    for stop in range(1, len(lengths) + 1):
        if stop == len(lengths) or (stop + 1 - start) * lengths[stop] > most_tokens:
            yield slice(start, stop)
            start = stop
