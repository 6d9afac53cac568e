"""The pretraining loop of the embedded models.

Three choices make such narrow models worth tuning. Weights start at a spread of 1/sqrt(width), because at the usual
0.02 a narrow model's attention stays silent. The closing word is predicted in most passages, because it is one token
in fifteen and all that the task asks for. And up to sixteen random tokens stand before every passage, with the words
of the lead-in scattered among them, because a model that has only seen bare texts breaks under any prompt vectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
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

from zostudy.lm.pretrain.batches import IGNORED, BatchConfig, Batches
from zostudy.lm.pretrain.corpus import CLOSING, Passage, passages
from zostudy.lm.pretrain.tokenizer import train_tokenizer

_WIDTH, _LAYERS, _HEADS, _INNER_WIDTH, _POSITIONS = 64, 2, 4, 128, 128
_WARM_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The settings by which an embedded model is trained.

    Attributes:
        seed: the source of all randomness, at least 0.
        steps: optimiser steps.
        passages: size of the corpus that steps draw from, and of the lessons.
        lesson_share: of the steps; these come first and see lessons without random tokens.
        learning_rate: AdamW's peak, after a hundred steps of warm-up and before a cosine decay.
        text_weight: weight of the other words' loss relative to the closing word's.
        batches: the settings of the batches.
    """

    seed: int = 0
    steps: int = 2000
    passages: int = 60_000
    lesson_share: float = 0.3
    learning_rate: float = 2e-3
    text_weight: float = 0.1
    batches: BatchConfig = field(default_factory=BatchConfig)


def pretrain(
    model_name: str, config: TrainConfig, report: Callable[[str], None]
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Returns a freshly trained model, in evaluation mode, and its tokenizer.

    Args:
        model_name: ``mini-roberta``, ``mini-gpt2`` or ``mini-llama``.
        config: what to train and for how long.
        report: called with a line of progress about every hundred steps.
    """
    corpus = passages(config.seed, config.passages)
    tokenizer = train_tokenizer(model_name, _tokenizer_texts(corpus))
    lesson_steps = round(config.lesson_share * config.steps)
    lessons = passages(config.seed, config.passages, lessons=True)
    lesson_batches = Batches(lessons, tokenizer, replace(config.batches, longest_prefix=0), config.seed)
    batches = Batches(corpus, tokenizer, config.batches, config.seed)
    torch.manual_seed(config.seed)
    model = _untrained_model(model_name, tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_cosine(step, config.steps))
    started, recent_losses = time.monotonic(), []
    model.train()
    for step in range(config.steps):
        batch = (lesson_batches if step < lesson_steps else batches).draw(step)
        states = model.base_model(input_ids=batch.ids, attention_mask=batch.attention_mask).last_hidden_state
        closing_loss = _word_loss(model, states, batch.closing_targets)
        text_loss = _word_loss(model, states, batch.text_targets)
        optimizer.zero_grad()
        (closing_loss + config.text_weight * text_loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent_losses.append(closing_loss.item())
        if (step + 1) % 100 == 0 or step + 1 == config.steps:
            rate = (step + 1) / (time.monotonic() - started)
            report(
                f"{model_name}: step {step + 1}/{config.steps}, closing loss {np.mean(recent_losses):.3f}, "
                f"{rate:.1f} steps/s, {(config.steps - step - 1) / rate:.0f} s to go"
            )
            recent_losses.clear()
    return model.eval(), tokenizer


def _untrained_model(model_name: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Returns a model at its initial weights, which have a spread of 1/sqrt(width)."""
    special_ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")}
    shape = {"vocab_size": len(tokenizer), "initializer_range": _WIDTH**-0.5, "tie_word_embeddings": True}
    if model_name == "mini-gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                n_embd=_WIDTH, n_layer=_LAYERS, n_head=_HEADS, n_inner=_INNER_WIDTH, n_positions=_POSITIONS,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **shape, **special_ids,
            )
        )  # fmt: skip
    shape |= {"hidden_size": _WIDTH, "num_hidden_layers": _LAYERS}
    shape |= {"num_attention_heads": _HEADS, "intermediate_size": _INNER_WIDTH}
    if model_name == "mini-llama":
        return LlamaForCausalLM(LlamaConfig(max_position_embeddings=_POSITIONS, **shape, **special_ids))
    return RobertaForMaskedLM(
        RobertaConfig(
            max_position_embeddings=_POSITIONS + 2, type_vocab_size=1, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, **shape, **special_ids,
        )
    )  # fmt: skip


def _word_loss(model: PreTrainedModel, states: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean cross-entropy over the positions that have a target; the others are never decoded."""
    has_target = targets != IGNORED
    return cross_entropy(model.lm_head(states[has_target]), targets[has_target])


def _warm_cosine(step: int, steps: int) -> float:
    warm = min(_WARM_STEPS, steps)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + float(np.cos(np.pi * (step - warm) / max(steps - warm, 1))))


def _tokenizer_texts(corpus: Sequence[Passage]) -> list[str]:
    return [text for p in corpus for text in (" ".join(("", *p.lead_in)), f"{p.review} {CLOSING} {p.closing_word}.")]
