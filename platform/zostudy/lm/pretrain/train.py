"""The pretraining loop of the embedded models.

Three habits make such narrow models worth tuning. Weights start at a spread of 1/sqrt(width), because at the usual
0.02 a narrow model's attention stays silent. The closing word is predicted in most passages, because it is one token
in fifteen and all that the task asks for. And up to sixteen random tokens stand before every passage, with the words
of the lead-in scattered among them, because a model that has only seen bare texts breaks under any prompt vectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from zostudy.lm.pretrain.corpus import CLOSING, Passage, passages
from zostudy.lm.pretrain.tokenizer import single_token, train_tokenizer
from zostudy.randomness import generator

_WIDTH, _LAYERS, _HEADS, _INNER_WIDTH, _POSITIONS = 64, 2, 4, 128, 128
_IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained and for how long.

    Attributes:
        seed: the source of all randomness, at least 0.
        steps: optimiser steps.
        batch_size: passages in a step.
        passages: size of the corpus that steps draw from, and of the lessons.
        learning_rate: AdamW's peak, reached after a tenth of the steps and left on a cosine.
        lesson_share: of the steps, the first ones, that see lessons without random tokens.
        longest_prefix: random tokens before a passage, uniform from 0 to this.
        closing_share: of passages whose closing word is masked (masked models).
        text_share: of other words that are masked (masked models).
        text_weight: of the other words' loss against the closing word's.
    """

    seed: int = 0
    steps: int = 2400
    batch_size: int = 128
    passages: int = 60_000
    learning_rate: float = 2e-3
    lesson_share: float = 0.3
    longest_prefix: int = 16
    closing_share: float = 0.95
    text_share: float = 0.04
    text_weight: float = 0.1


@dataclass(frozen=True)
class Batch:
    """Token ids int64 ``[batch, length]``, and what to predict at each position (``_IGNORED`` for nothing)."""

    ids: Tensor
    attention_mask: Tensor
    closing_targets: Tensor
    text_targets: Tensor


def pretrain(
    model_name: str, recipe: Recipe, report: Callable[[str], None]
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Returns a freshly trained model, in evaluation mode, and its tokenizer.

    Args:
        model_name: ``mini-roberta``, ``mini-gpt2`` or ``mini-llama``.
        recipe: what to train and for how long.
        report: is given a line of progress about every hundred steps.
    """
    corpus = passages(recipe.seed, recipe.passages)
    tokenizer = train_tokenizer(model_name, _tokenizer_texts(corpus))
    lesson_steps = round(recipe.lesson_share * recipe.steps)
    lessons = _Batches(passages(recipe.seed, recipe.passages, lessons=True), tokenizer, replace(recipe, longest_prefix=0))
    batches = _Batches(corpus, tokenizer, recipe)
    torch.manual_seed(recipe.seed)
    model = untrained_model(model_name, tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_cosine(step, recipe.steps))
    started = time.monotonic()
    model.train()
    for step in range(recipe.steps):
        batch = (lessons if step < lesson_steps else batches).draw(step)
        states = model.base_model(input_ids=batch.ids, attention_mask=batch.attention_mask).last_hidden_state
        closing_loss = _word_loss(model, states, batch.closing_targets)
        text_loss = _word_loss(model, states, batch.text_targets)
        optimizer.zero_grad()
        (closing_loss + recipe.text_weight * text_loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0 or step + 1 == recipe.steps:
            rate = (step + 1) / (time.monotonic() - started)
            report(
                f"{model_name}: step {step + 1}/{recipe.steps}, closing loss {closing_loss.item():.3f}, "
                f"text loss {text_loss.item():.3f}, {rate:.1f} steps/s, {(recipe.steps - step - 1) / rate:.0f} s to go"
            )
    return model.eval(), tokenizer


def _word_loss(model: PreTrainedModel, states: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean cross-entropy over the positions that have a target; the others are never decoded."""
    wanted = targets != _IGNORED
    return cross_entropy(model.lm_head(states[wanted]), targets[wanted])


def untrained_model(model_name: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Returns a model at its initial weights, which have a spread of 1/sqrt(width)."""
    special_ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    shape = {"vocab_size": len(tokenizer), "initializer_range": _WIDTH**-0.5, "tie_word_embeddings": True}
    if model_name == "mini-gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                n_embd=_WIDTH, n_layer=_LAYERS, n_head=_HEADS, n_inner=_INNER_WIDTH, n_positions=_POSITIONS,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **shape, **special_ids,
            )
        )  # fmt: skip
    shape |= {
        "hidden_size": _WIDTH,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "intermediate_size": _INNER_WIDTH,
    }
    if model_name == "mini-llama":
        return LlamaForCausalLM(LlamaConfig(max_position_embeddings=_POSITIONS, **shape, **special_ids))
    return RobertaForMaskedLM(
        RobertaConfig(
            max_position_embeddings=_POSITIONS + 2, type_vocab_size=1, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, **shape, **special_ids,
        )
    )  # fmt: skip


class _Batches:
    """Draws the batch of a step, a pure function of the recipe's seed and the step."""

    def __init__(self, corpus: Sequence[Passage], tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> None:
        self._recipe = recipe
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
        random = generator(self._recipe.seed, "step", step)
        chosen = random.choice(len(self._reviews), size=self._recipe.batch_size)
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
        is_closing &= random.random((len(rows), 1)) < self._recipe.closing_share
        is_text &= random.random(ids.shape) < self._recipe.text_share
        return _masked_batch(ids, real, is_closing, is_text, self._mask_id)

    def _prefix(self, random: np.random.Generator, lead_in: list[int]) -> list[int]:
        length = max(int(random.integers(self._recipe.longest_prefix + 1)), len(lead_in))
        prefix = random.choice(self._usable_ids, size=length)
        prefix[random.permutation(length)[: len(lead_in)]] = lead_in
        return [int(token) for token in prefix]


Mask = NDArray[np.bool_]


def _masked_batch(ids: NDArray[np.int64], real: Mask, is_closing: Mask, is_text: Mask, mask_id: int) -> Batch:
    shown = np.where(is_closing | is_text, mask_id, ids)
    return _batch(shown, real, np.where(is_closing, ids, _IGNORED), np.where(is_text, ids, _IGNORED))


def _next_token_batch(ids: NDArray[np.int64], real: Mask, is_closing: Mask, is_text: Mask) -> Batch:
    """Predicts each token from those before it: targets stand one position to the left."""
    closing, text = (np.where(chosen, ids, _IGNORED)[:, 1:] for chosen in (is_closing, is_text))
    return _batch(ids[:, :-1], real[:, :-1], closing, text)


def _batch(
    ids: NDArray[np.int64], real: Mask, closing_targets: NDArray[np.int64], text_targets: NDArray[np.int64]
) -> Batch:
    return Batch(
        *(torch.from_numpy(np.ascontiguousarray(a, np.int64)) for a in (ids, real, closing_targets, text_targets))
    )


def _frame(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Returns the ids before a passage and those after its closing word: special tokens and the full stop."""
    whole = tokenizer("a")["input_ids"]
    bare = tokenizer.encode("a", add_special_tokens=False)
    head = [whole[0]] if whole[0] != bare[0] else []
    stop = tokenizer.encode(".", add_special_tokens=False)
    return head, stop + whole[len(head) + len(bare) :]


def _warm_cosine(step: int, steps: int) -> float:
    warm = min(100, steps)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + float(np.cos(np.pi * (step - warm) / max(steps - warm, 1))))


def _tokenizer_texts(corpus: Sequence[Passage]) -> list[str]:
    return [text for p in corpus for text in (" ".join(("", *p.lead_in)), f"{p.review} {CLOSING} {p.closing_word}.")]
