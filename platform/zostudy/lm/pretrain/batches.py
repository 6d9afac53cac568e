"""The batches of pretraining: passages with random tokens in front, and the targets in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from zostudy.lm.pretrain.corpus import CLOSING, Passage
from zostudy.lm.pretrain.tokenizer import single_token
from zostudy.randomness import generator

IGNORED = -100  # the target of a position at which nothing is predicted

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """The sizes and shares by which passages become batches.

    Attributes:
        batch_size: passages in a step.
        longest_prefix: random tokens before a passage, uniform from 0 to this.
        closing_share: of passages whose closing word is masked (masked models).
        text_share: of other words that are masked (masked models).
    """

    batch_size: int = 128
    longest_prefix: int = 16
    closing_share: float = 0.95
    text_share: float = 0.04


@dataclass(frozen=True)
class Batch:
    """Token ids int64 ``[batch, length]``, and the target at each position (``IGNORED`` for none)."""

    ids: Tensor
    attention_mask: Tensor
    closing_targets: Tensor
    text_targets: Tensor


class Batches:
    """Draws the batch of a step, a pure function of the seed and the step."""

    def __init__(
        self, corpus: Sequence[Passage], tokenizer: PreTrainedTokenizerFast, config: BatchConfig, seed: int
    ) -> None:
        self._config = config
        self._seed = seed
        self._mask_id = tokenizer.mask_token_id
        self._pad_id = tokenizer.pad_token_id
        self._usable_ids = np.setdiff1d(np.arange(len(tokenizer)), tokenizer.all_special_ids)
        self._head, self._tail = _frame(tokenizer)
        reviews = tokenizer([f"{p.review} {CLOSING}" for p in corpus], add_special_tokens=False)["input_ids"]
        words = {word for p in corpus for word in (*p.lead_in, p.closing_word)}
        word_ids = {word: single_token(tokenizer, word) for word in words}
        self._reviews: list[list[int]] = reviews
        self._lead_ins = [[word_ids[word] for word in p.lead_in] for p in corpus]
        self._closings = [word_ids[p.closing_word] for p in corpus]

    def draw(self, step: int) -> Batch:
        """Returns the batch of a step, ids padded on the right to its longest row."""
        random = generator(self._seed, "step", step)
        chosen = random.choice(len(self._reviews), size=self._config.batch_size)
        prefixes = [[*self._head, *self._prefix(random, self._lead_ins[i])] for i in chosen]
        rows = [[*p, *self._reviews[i], self._closings[i], *self._tail] for p, i in zip(prefixes, chosen, strict=True)]
        longest = max(map(len, rows))
        ids = np.array([row + [self._pad_id] * (longest - len(row)) for row in rows])
        position = np.arange(longest)
        text_start = np.array([[len(prefix)] for prefix in prefixes])
        closing = np.array([[len(row) - len(self._tail) - 1] for row in rows])
        real = position < closing + 1 + len(self._tail)
        is_closing = position == closing
        is_text = (position >= text_start) & (position < closing)
        if self._mask_id is None:
            return _next_token_batch(ids, real, is_closing, is_text)
        is_closing &= random.random((len(rows), 1)) < self._config.closing_share
        is_text &= random.random(ids.shape) < self._config.text_share
        return _masked_batch(ids, real, is_closing, is_text, self._mask_id)

    def _prefix(self, random: np.random.Generator, lead_in: list[int]) -> list[int]:
        length = max(int(random.integers(self._config.longest_prefix + 1)), len(lead_in))
        prefix = random.choice(self._usable_ids, size=length)
        prefix[random.permutation(length)[: len(lead_in)]] = lead_in
        return [int(token) for token in prefix]


def _masked_batch(ids: NDArray[np.int64], real: Mask, is_closing: Mask, is_text: Mask, mask_id: int) -> Batch:
    shown = np.where(is_closing | is_text, mask_id, ids)
    return _batch(shown, real, np.where(is_closing, ids, IGNORED), np.where(is_text, ids, IGNORED))


def _next_token_batch(ids: NDArray[np.int64], real: Mask, is_closing: Mask, is_text: Mask) -> Batch:
    """Predicts each token from those before it: targets are shifted one position to the left."""
    closing, text = (np.where(chosen, ids, IGNORED)[:, 1:] for chosen in (is_closing, is_text))
    return _batch(ids[:, :-1], real[:, :-1], closing, text)


def _batch(
    ids: NDArray[np.int64], real: Mask, closing_targets: NDArray[np.int64], text_targets: NDArray[np.int64]
) -> Batch:
    arrays = (ids, real, closing_targets, text_targets)
    return Batch(*(torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)) for array in arrays))


def _frame(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Returns the ids before a passage and those after its closing word: special tokens and the full stop."""
    whole = tokenizer("a")["input_ids"]
    bare = tokenizer.encode("a", add_special_tokens=False)
    head = [whole[0]] if whole[0] != bare[0] else []
    stop = tokenizer.encode(".", add_special_tokens=False)
    return head, stop + whole[len(head) + len(bare) :]
