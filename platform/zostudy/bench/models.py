"""The models that are measured: embedded ones, minilm, and architectures at true size whose weights are random."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedTokenizerFast

from zostudy.bench.texts import Texts
from zostudy.config.known import EMBEDDED_TASK, HeadKind
from zostudy.config.model import ModelSpec
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.pretrain.tokenizer import byte_level_bpe
from zostudy.lm.sources import ModelSource
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
NAMES = (*LARGE, "gpt2-xl", "llama-8b-quarter", *SMALL)

VOCABULARY_SIZE = 2**14
"""With this vocabulary some ten thousand texts have about as many tokens as with RoBERTa's own tokenizer."""
_SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}


@dataclass(frozen=True)
class BenchModel:
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


def read_weights(bench_model: BenchModel, dtype: DType) -> Weights:
    """Returns the model's weights in that dtype."""
    weights = load_weights(bench_model.source, [bench_model.task], bench_model.spec.prompt_tokens, dtype)
    assert weights is not None, "the packed evaluator knows every model of the benchmark"
    return weights


def batches(n_queries: int) -> NDArray[np.int32]:
    """Returns rows int32 ``[n_queries, BATCH]``."""
    return np.tile(np.arange(BATCH, dtype=np.int32), (n_queries, 1))


def draw_latents(n_queries: int) -> NDArray[np.float32]:
    """Returns standard normal latents, float32 ``[n_queries, SUBSPACE_DIM]``."""
    return generator(0, "bench", "latents").standard_normal((n_queries, SUBSPACE_DIM), dtype=np.float32)


@contextmanager
def open_model(name: str, texts: Texts) -> Iterator[BenchModel]:
    """Gives a model with a batch of the texts, cut to at most ``LONGEST_TEXT`` tokens each.

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
        yield BenchModel(name, spec, source, task, queries, "random" if is_random else "trained")


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
    head = _ARCHITECTURES[name][0]
    wording = _wording(head)
    # Each text as the model will read it, with each label word filled in, so that label words become one token each.
    filled = [word.join(wording.template.render(text)) for text in texts.everything for word in wording.label_words]
    train_tokenizer(head, filled, longest=1024).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        random_model(name).save_pretrained(folder)


def train_tokenizer(head: HeadKind, texts: Iterable[str], longest: int) -> PreTrainedTokenizerFast:
    """Returns a byte-level BPE tokenizer learnt from texts, for at most ``longest`` tokens. It is deterministic.

    The texts of a masked model stand between ``<s>`` and ``</s>``, as RoBERTa's do.
    """
    frame = "<s> $A </s>" if head == "masked" else ""
    backend = byte_level_bpe(texts, VOCABULARY_SIZE, list(_SPECIAL_TOKENS.values()), frame)
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=longest, **_SPECIAL_TOKENS)


# Every setting that differs from the family's default. The small Llama has TinyLlama's shape, the large one a quarter
# of the layers of Llama 3 8B, as all of them in four copies would fill a GPU.
_ROBERTA_LARGE = {
    "vocab_size": 50265,
    "num_hidden_layers": 24,
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
}
_LLAMA_1B = {
    "vocab_size": 32000,
    "num_hidden_layers": 22,
    "hidden_size": 2048,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "intermediate_size": 5632,
}
_LLAMA_8B_QUARTER = {
    "vocab_size": 128256,
    "num_hidden_layers": 8,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "max_position_embeddings": 8192,
}
_ARCHITECTURES: dict[str, tuple[HeadKind, str, dict[str, Any]]] = {
    "roberta-large": ("masked", "roberta", _ROBERTA_LARGE),
    "gpt2-medium": ("causal", "gpt2", {"n_layer": 24, "n_embd": 1024, "n_head": 16}),
    "gpt2-xl": ("causal", "gpt2", {"n_layer": 48, "n_embd": 1600, "n_head": 25}),
    "llama-1b": ("causal", "llama", _LLAMA_1B),
    "llama-8b-quarter": ("causal", "llama", _LLAMA_8B_QUARTER),
}


def random_model(name: str) -> Any:
    """Returns transformers' model of an architecture, with random weights."""
    head, family, settings = _ARCHITECTURES[name]
    auto: Any = AutoModelForMaskedLM if head == "masked" else AutoModelForCausalLM
    return auto.from_config(AutoConfig.for_model(family, **settings))
