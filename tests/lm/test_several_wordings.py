"""Several wordings of a task on one model: each is scored as if it were alone, and as transformers scores it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.model import ModelSpec
from zostudy.errors import DisagreementError
from zostudy.lm.agreement import read_verified
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import FrozenLM, make_evaluator, make_evaluators
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.padded import PaddedLM
from zostudy.lm.plain import PlainModel
from zostudy.lm.sources import ModelSource, minilm_installed
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import load_model, load_weights

LOADERS: dict[str, Any] = {"masked": AutoModelForMaskedLM, "causal": AutoModelForCausalLM, "encoder": AutoModel}
TEXTS = ("the film was great", "a very slow and boring story", "not bad", "i did not like the book at all")
WORDS = {"first": ("terrible", "great"), "second": ("bad", "good"), "third": ("great", "terrible")}
MODELS = [
    *EMBEDDED_MODELS,
    pytest.param("minilm", marks=pytest.mark.skipif(not minilm_installed(), reason="no minilm package")),
]
SEED = 3


def rendered(head: str, wording: str, text: str) -> tuple[str, str]:
    middle = {"first": "It was", "second": "All in all it is", "third": "So"}[wording]
    if head == "encoder":
        return f"{middle} {text}", ""
    return f"{text} {middle} ", "." if head == "masked" else ""


def encodings(spec: ModelSpec) -> tuple[ModelSource, dict[str, EncodedTask]]:
    source = find_model(spec)
    tokenizer = load_tokenizer(source)
    room = max_input_tokens(spec, source, tokenizer)

    def encode(wording: str) -> EncodedTask:
        def render(text: str, second_text: str | None) -> tuple[str, str]:
            return rendered(source.head, wording, text)

        return encode_task(tokenizer, source, TEXTS, None, np.arange(4), render, WORDS[wording], room, False)

    return source, {wording: encode(wording) for wording in WORDS}


def queries(spec: ModelSpec, width: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    noise = np.random.default_rng(0)
    latents = noise.standard_normal((3, 5 if width is None else spec.prompt_tokens * width)).astype(np.float32)
    return latents, np.tile(np.arange(4, dtype=np.int32), (3, 1))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", MODELS)
def test_each_wording_is_scored_as_if_it_were_alone(name: str, dtype: Any) -> None:
    spec = ModelSpec(name=name, prompt_tokens=4)
    source, tasks = encodings(spec)
    together = make_evaluators(spec, source, tasks, dtype)
    latents, rows = queries(spec)
    found = {}
    for wording, task in tasks.items():
        alone = make_evaluator(spec, source, task, dtype)
        found[wording] = together[wording].score(latents, rows, SEED, group=3)
        np.testing.assert_array_equal(found[wording], alone.score(latents, rows, SEED, group=3))
    assert not np.allclose(found["first"], found["second"], atol=1e-2)


def test_wordings_share_one_copy_of_the_weights() -> None:
    spec = ModelSpec(name="mini-llama")
    source, tasks = encodings(spec)
    weights = load_weights(source, [*tasks.values()], spec.prompt_tokens, "float32")
    assert weights is not None
    evaluators = [*make_evaluators(spec, weights, tasks, "float32").values()]
    assert all(isinstance(evaluator, FrozenLM) for evaluator in evaluators)
    assert len({evaluator.embeddings.data_ptr() for evaluator in evaluators}) == 1
    assert len(weights.arrays["head.rows.weight"]) == 6


@pytest.mark.slow
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_without_a_subspace_the_prompt_is_transformers_own_embeddings_and_the_offsets(name: str, padded: bool) -> None:
    """The reference adds the offsets by hand, and runs transformers' model on one text at a time."""
    spec = ModelSpec(name=name, prompt_tokens=4, subspace="none", prompt_scale=0.5)
    source, tasks = encodings(spec)
    model = LOADERS[source.head].from_pretrained(source.location).eval()
    table = model.get_input_embeddings().weight.detach()
    task = tasks["second"]
    loaded = load_model(source, torch.float32)
    lm = PaddedLM(spec, loaded, source, task) if padded else make_evaluator(spec, source, task, "float32")
    assert lm.width == table.shape[1]
    latents, rows = queries(spec, table.shape[1])
    scores = lm.score(latents, rows, SEED)
    start = lm.prompts(np.zeros_like(latents[:1]), SEED)[0]
    assert all((table == vector).all(dim=1).any() for vector in start)
    plain = PlainModel(model, source, task, spec.temperature)
    for latent, found in zip(latents, scores, strict=True):
        prompt = start + 0.5 * table.std() * torch.from_numpy(latent.reshape(4, -1))
        expected = plain.score_with_vectors(partial(torch.clone, prompt), rows[0])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("subspace", ["random", "none"])
def test_every_wording_is_proven(name: str, subspace: Any) -> None:
    spec = ModelSpec(name=name, prompt_tokens=4, subspace=subspace)
    source, tasks = encodings(spec)
    verified = read_verified(spec, source, tasks, "float32")
    assert verified.agreement.difference < 1e-5
    alone = [read_verified(spec, source, {"": task}, "float32").agreement.difference for task in tasks.values()]
    assert verified.agreement.difference == max(alone)
    assert read_verified(spec, source, tasks, "bfloat16").agreement.dtype == "bfloat16"


def test_a_fault_in_one_wording_alone_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third wording has the first's words in the other order: exchanged rows of the head must not pass."""
    spec = ModelSpec(name="mini-gpt2", prompt_tokens=4)
    source, tasks = encodings(spec)
    read_verified(spec, source, tasks, "float32")
    rightly: Callable[..., FrozenLM] = FrozenLM.reworded
    monkeypatch.setattr(FrozenLM, "reworded", lambda self, task, number: rightly(self, task, number % 2))
    with pytest.raises(DisagreementError, match="packed one for gpt2 in float32 differs"):
        read_verified(spec, source, tasks, "float32")
