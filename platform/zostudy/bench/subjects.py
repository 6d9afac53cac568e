"""The models that are measured: embedded ones, minilm, and architectures at true size whose weights are random."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zostudy.bench.texts import Texts
from zostudy.bench.tokens import train_tokenizer
from zostudy.config.study import EMBEDDED_TASK, HeadKind, ModelSpec
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.sources import ModelSource, find_model
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import DType, Weights, load_weights
from zostudy.randomness import generator
from zostudy.tasks.templates import Wording
from zostudy.tasks.wellknown import WELL_KNOWN

BATCH = 32
SUBSPACE_DIM = 100
LONGEST_TEXT = 128

SMALL = ("minilm", "mini-roberta", "mini-gpt2", "mini-llama")
LARGE = ("roberta-large", "gpt2-medium", "llama-1b")
LARGEST = "gpt2-xl"
NAMES = (*LARGE, LARGEST, *SMALL)


@dataclass(frozen=True)
class Subject:
    """A model with a batch of texts, ready to be scored.

    Attributes:
        name: for people.
        spec: prompt length and the like.
        source: where the weights are.
        task: the batch, encoded; rows 0 to ``BATCH - 1``.
        queries: prompts of a step.
        weights: ``trained`` or ``random``.
    """

    name: str
    spec: ModelSpec
    source: ModelSource
    task: EncodedTask
    queries: int
    weights: str

    @property
    def rows(self) -> NDArray[np.int32]:
        """The whole batch under each prompt, int32 ``[queries, BATCH]``."""
        return batches(self.queries)

    @property
    def latents(self) -> NDArray[np.float32]:
        """Standard normal latents, float32 ``[queries, SUBSPACE_DIM]``."""
        return draw_latents(self.queries)


def read_weights(subject: Subject, dtype: DType) -> Weights:
    """Returns the subject's weights in that dtype."""
    weights = load_weights(subject.source, subject.task, subject.spec.prompt_tokens, dtype)
    assert weights is not None, "the packed evaluator knows every model of the benchmark"
    return weights


def batches(n_queries: int) -> NDArray[np.int32]:
    """Returns rows int32 ``[n_queries, BATCH]``."""
    return np.tile(np.arange(BATCH, dtype=np.int32), (n_queries, 1))


def draw_latents(n_queries: int) -> NDArray[np.float32]:
    """Returns standard normal latents, float32 ``[n_queries, SUBSPACE_DIM]``."""
    return generator(0, "bench", "latents").standard_normal((n_queries, SUBSPACE_DIM), dtype=np.float32)


@contextmanager
def open_subject(name: str, texts: Texts) -> Iterator[Subject]:
    """Gives the model of that name with a batch of the texts, cut where they are longer than ``LONGEST_TEXT`` tokens.

    Random weights are made from a fixed seed in a temporary folder, which is deleted at the end.

    Raises:
        ModelError: minilm's package is not installed.
    """
    with TemporaryDirectory(prefix="zostudy-bench-") as folder:
        is_random = name not in SMALL
        if is_random:
            _make_random(name, Path(folder), texts)
        prompt_tokens, queries = (50, 1) if is_random else (10, 16)
        spec = ModelSpec(
            name=folder if is_random else name,
            prompt_tokens=prompt_tokens,
            max_length=prompt_tokens + LONGEST_TEXT,
        )
        source = find_model(spec)
        task = _encode(spec, source, texts)
        yield Subject(name, spec, source, task, queries, "random" if is_random else "trained")


def _encode(spec: ModelSpec, source: ModelSource, texts: Texts) -> EncodedTask:
    tokenizer = load_tokenizer(source)
    wording = _wording(source.head)
    return encode_task(
        tokenizer,
        source,
        texts.draw(BATCH),
        None,
        np.arange(BATCH),
        wording.template.render,
        wording.label_words,
        max_input_tokens(spec, source, tokenizer),
        truncate=True,
    )


def _wording(head: HeadKind) -> Wording:
    return WELL_KNOWN[EMBEDDED_TASK].wordings[head]


def _make_random(name: str, folder: Path, texts: Texts) -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()
    head, make_model = _ARCHITECTURES[name]
    wording = _wording(head)
    # What the model will read, label words filled in, so that each of these becomes one token.
    read = [word.join(wording.template.render(text)) for text in texts.everything for word in wording.label_words]
    train_tokenizer(head, read, longest=1024).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        make_model().save_pretrained(folder)


def _roberta(layers: int, width: int, heads: int) -> Any:
    from transformers import RobertaConfig, RobertaForMaskedLM

    config = RobertaConfig(
        vocab_size=50265,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    return RobertaForMaskedLM(config)


def _gpt2(layers: int, width: int, heads: int) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(n_layer=layers, n_embd=width, n_head=heads))


def _llama(layers: int, width: int, heads: int, kv_heads: int, mlp_width: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=32000,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=mlp_width,
    )
    return LlamaForCausalLM(config)


# The Llama is of TinyLlama's shape.
_ARCHITECTURES: dict[str, tuple[HeadKind, Callable[[], Any]]] = {
    "roberta-large": ("masked", lambda: _roberta(layers=24, width=1024, heads=16)),
    "gpt2-medium": ("causal", lambda: _gpt2(layers=24, width=1024, heads=16)),
    "gpt2-xl": ("causal", lambda: _gpt2(layers=48, width=1600, heads=25)),
    "llama-1b": ("causal", lambda: _llama(layers=22, width=2048, heads=32, kv_heads=4, mlp_width=5632)),
}
