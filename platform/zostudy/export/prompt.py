"""Computes a trial's prompt again from its seed and latent, by the evaluator that tuned it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from zostudy.config.model import ModelSpec
from zostudy.digests import digest_of
from zostudy.export.task import ExportedTask
from zostudy.export.trials import StoredTrial
from zostudy.lm.encoding import ANY_TEXT, encode_task
from zostudy.lm.frozen import make_evaluator
from zostudy.lm.label_words import label_token_ids
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.model_digests import check_unchanged
from zostudy.lm.sources import ModelSource
from zostudy.lm.start import draw_seed, start_tokens, with_start_text
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.vocabulary import find_frame


@dataclass(frozen=True)
class TunedPrompt:
    """A prompt, with its surroundings in the model's input.

    Attributes:
        vectors: the prompt, float32 ``[n, D]``.
        start: ids of the tokens that it started from, ``[n]``.
        lead: ids of the special tokens in front of it, such as ``<s>``; mostly one or none.
        trail: number of special tokens that the tokenizer puts behind a text, and that a causal model must not get.
        label_tokens: the label words' ids, ``[C]``; empty for an encoder.
        keeps_space: whether a causal model's input keeps the space in front of the label word.
        embeddings: the model's input embeddings, ``[V, D]``.
        tokenizer: the model's.
    """

    vectors: Tensor
    start: NDArray[np.int64]
    lead: tuple[int, ...]
    trail: int
    label_tokens: tuple[int, ...]
    keeps_space: bool
    embeddings: Tensor
    tokenizer: Any

    @property
    def lead_vectors(self) -> Tensor:
        """The embeddings of the lead, float32 ``[lead, D]``."""
        return self.embeddings[list(self.lead)].float()


def tuned_prompt(spec: ModelSpec, source: ModelSource, task: ExportedTask, trial: StoredTrial) -> TunedPrompt:
    """Returns the prompt of a trial's kept point, equal to the scored one in every bit.

    Raises:
        ModelError: the model cannot be loaded, or has changed since the trial ran.
    """
    check_unchanged(source, trial.versions)
    tokenizer = load_tokenizer(source)
    second_texts = None if task.second_text is None else (ANY_TEXT,)
    render, label_words = task.wording.template.render, task.label_words
    encoded = encode_task(
        tokenizer,
        source,
        (ANY_TEXT,),
        second_texts,
        np.zeros(1, dtype=np.int64),
        render,
        label_words,
        max_input_tokens(spec, source, tokenizer),
        truncate=True,
    )
    encoded = with_start_text(encoded, spec, source, tokenizer)
    evaluator = make_evaluator(spec, source, encoded, trial.study.dtype)
    draw = trial.row["start_draw"]
    seed = draw_seed(int(trial.row["seed"]), 0 if pd.isna(draw) else int(draw))
    before = render(ANY_TEXT, second_texts and second_texts[0])[0]
    return TunedPrompt(
        vectors=evaluator.prompts(trial.latent[None], seed)[0],
        start=start_tokens(seed, encoded.start_vocabulary, spec.prompt_tokens, encoded.start_text).astype(np.int64),
        lead=tuple(encoded.tokens[: encoded.lead].tolist()),
        trail=len(find_frame(tokenizer).trail) if source.head == "causal" else 0,
        label_tokens=tuple(encoded.label_tokens.tolist()),
        keeps_space=source.head == "causal" and label_token_ids(tokenizer, before, label_words)[1],
        embeddings=evaluator.embeddings,
        tokenizer=tokenizer,
    )


def embeddings_digest(embeddings: Tensor) -> str:
    """Returns the SHA-256 of an embedding table."""
    return digest_of([embeddings.contiguous().cpu().view(torch.uint8).numpy().data])
