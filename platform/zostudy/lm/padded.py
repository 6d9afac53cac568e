"""The evaluator for models whose forward only transformers knows: its own model, on batches with a prompt a text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zostudy.config.known import HeadKind
from zostudy.config.model import ModelSpec
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.heads import EncoderHead, Head, TokenHead
from zostudy.lm.packing import Indices
from zostudy.lm.pooling import find_pooling
from zostudy.lm.prompted import PromptedLM
from zostudy.lm.sources import ModelSource

# Larger forwards fall out of the processor's caches, smaller ones pay per call: measured on minilm and mini-roberta.
FORWARD_TOKENS = 2048
# So that a large vocabulary's vectors are never all in memory at once.
_TOKENS_AT_ONCE = 4096

PADDING_UNSEEN = frozenset(
    {
        *("albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra", "ernie"),
        *("eurobert", "gte", "longformer", "megatron-bert", "modernbert", "mpnet", "nomic_bert", "roberta"),
        *("xlm-roberta",),
    }
)
"""``model_type`` of models that read to both sides, and whose scores masked padding does not touch."""


class PaddedLM(PromptedLM):
    """As ``FrozenLM``, slower, for any model that transformers loads; embeds and reads with the model's own modules."""

    def __init__(self, spec: ModelSpec, model: Any, source: ModelSource, task: EncodedTask) -> None:
        """As ``FrozenLM``, with a model that ``load_model`` loaded from the source, where that put it.

        Raises:
            ModelError: an encoder pools its states in an unknown way.
        """
        self._model = model
        self._embedding = model.get_input_embeddings()
        self._dtype: torch.dtype = self._embedding.weight.dtype
        super().__init__(spec, task, str(self._embedding.weight.device), _spread(self._embedding))
        self._padding = padding_of(model.config, source.head)
        self._head = self._make_head(source)

    @torch.no_grad()
    def embed(self, ids: Tensor) -> Tensor:
        """See ``PromptedLM``. The vectors are made by the model's own module, which may scale them."""
        return torch.as_tensor(self._embedding(ids.to(self._device)))

    @property
    def width(self) -> int:
        """See ``PromptedLM``."""
        return self.embed(torch.zeros(1, dtype=torch.long)).shape[-1]

    @property
    def embeddings(self) -> Tensor:
        """See ``PromptedLM``."""
        return self.embed(torch.arange(len(self._embedding.weight)))

    def _forwards(self, rows: NDArray[np.int32], prompt_tokens: int, group: int) -> Iterator[tuple[Indices, Indices]]:
        """Yields texts of similar length, a group always together."""
        n_queries = len(rows)
        firsts = np.arange(0, n_queries, group)
        lengths = np.maximum.reduceat(self._task.lengths[rows], firsts, axis=0) + prompt_tokens
        order = np.argsort(lengths.T, axis=None, kind="stable")
        columns, groups = np.unravel_index(order, lengths.T.shape)
        for part in _padded_runs(lengths[groups, columns], max(1, FORWARD_TOKENS // group)):
            queries = (firsts[groups[part], None] + np.arange(group)).reshape(-1)
            exist = queries < n_queries
            forward = queries[exist], np.repeat(columns[part], group)[exist]
            yield from self._by_length(rows, *forward) if self._padding == "none" else [forward]

    def _by_length(
        self, rows: NDArray[np.int32], queries: Indices, columns: Indices
    ) -> Iterator[tuple[Indices, Indices]]:
        """Splits a forward so that none of its texts is padded."""
        lengths = self._task.lengths[rows[queries, columns]]
        for length in np.unique(lengths):
            yield queries[lengths == length], columns[lengths == length]

    def _scores(self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]) -> Tensor:
        return self._head(*self._inputs(prompts, queries, rows))

    def _states(self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]) -> Tensor:
        return self._head.states(*self._inputs(prompts, queries, rows))

    def _inputs(
        self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]
    ) -> tuple[dict[str, Tensor], Tensor, list[int]]:
        """Returns the head's arguments for rows, each under the prompt of its query."""
        ids, real = self._task.padded(rows)
        mask = torch.from_numpy(real).to(self._device).long() if self._padding == "masked" and not real.all() else None
        own_prompts = prompts.to(self._dtype)[queries]
        inputs = with_prompts(self.embed(torch.from_numpy(ids)), own_prompts, self._task.lead, mask)
        n = prompts.shape[1]
        answers = torch.from_numpy(self._task.answers[rows].astype(np.int64)).to(self._device) + n
        return inputs, answers, (self._task.lengths[rows] + n).tolist()

    @torch.no_grad()
    def _make_head(self, source: ModelSource) -> Head:
        if source.head != "encoder":
            return TokenHead(self._model, torch.from_numpy(self._task.label_tokens).long().to(self._device))
        pooling = find_pooling(source, self._task.lead)
        return EncoderHead(self._model, self._task.label_texts, pooling, self._spec.temperature)


@torch.inference_mode()
def _spread(embedding: Any) -> float:
    """Returns the standard deviation of all entries of all tokens' vectors, as the model's own module makes them."""
    total = squares = count = 0.0
    for ids in torch.arange(len(embedding.weight), device=embedding.weight.device).split(_TOKENS_AT_ONCE):
        vectors = embedding(ids).double()
        total, squares = total + float(vectors.sum()), squares + float(vectors.square().sum())
        count += vectors.numel()
    return float(np.sqrt(max(0.0, squares - total * total / count) / (count - 1)))


def with_prompts(texts: Tensor, prompts: Tensor, lead: int, mask: Tensor | None = None) -> dict[str, Tensor]:
    """Returns the arguments of transformers' model for texts behind prompts.

    Args:
        texts: token vectors ``[b, L, D]``, padded on the right.
        prompts: ``[b, n, D]``.
        lead: special tokens in front of each prompt.
        mask: int64 ``[b, L]``, 1 for a text's own tokens; None where no padding has to be masked.
    """
    inputs = {"inputs_embeds": torch.cat([texts[:, :lead], prompts, texts[:, lead:]], dim=1)}
    if mask is not None:
        inputs["attention_mask"] = torch.cat([mask.new_ones(prompts.shape[:2]), mask], dim=1)
    return inputs


def padding_of(config: Any, head: HeadKind) -> Literal["unmasked", "masked", "none"]:
    """Returns how texts of several lengths may share a forward without a change of any score.

    A causal model reads an answer before it comes to the padding behind it, and needs no mask. Other models need one,
    and many mix tokens in ways that no mask reaches (Fourier transforms, convolutions, pooled or hashed attention), so
    only those that are known to heed a mask are padded.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as BOTH_SIDES

    if head == "causal" and config.model_type not in BOTH_SIDES and not _reaches_ahead(config):
        return "unmasked"
    return "masked" if config.model_type in PADDING_UNSEEN else "none"


def _reaches_ahead(config: Any) -> bool:
    """Returns whether later tokens may change a token's state though the model is causal by name."""
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None) or {}
    kinds = {each.get("rope_type") for each in (rope, *rope.values()) if isinstance(each, dict)}
    stretched = not kinds.isdisjoint(("dynamic", "longrope"))  # by the longest input of a forward
    picks_keys = hasattr(text, "index_topk")  # the best of all, before those ahead are masked
    return stretched or picks_keys or config.model_type in ("prophetnet", "xlnet")


def _padded_runs(lengths: NDArray[np.int64], most_tokens: int) -> Iterator[slice]:
    """Splits ascending lengths into runs that, padded to the longest, hold at most ``most_tokens`` tokens."""
    start = 0
    for stop in range(1, len(lengths) + 1):
        if stop == len(lengths) or (stop + 1 - start) * lengths[stop] > most_tokens:
            yield slice(start, stop)
            start = stop
