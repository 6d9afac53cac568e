"""Where a prompt starts: the ids of a text, and the embeddings that transformers gives to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.agreement import read_verified
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import make_evaluator
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.sources import ModelSource, minilm_installed
from zostudy.lm.start import draw_seed, start_tokens, with_start_text
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.randomness import generator

LOADERS: dict[str, Any] = {"masked": AutoModelForMaskedLM, "causal": AutoModelForCausalLM, "encoder": AutoModel}
TEXTS = ("the film was great", "a slow and boring story", "not bad")
INSTRUCTION = "is the story good or bad ?"
MODELS = [
    *EMBEDDED_MODELS,
    pytest.param("minilm", marks=pytest.mark.skipif(not minilm_installed(), reason="no minilm package")),
]


def encoded(spec: ModelSpec) -> tuple[ModelSource, Any, EncodedTask]:
    source = find_model(spec)
    tokenizer = load_tokenizer(source)

    def render(text: str, second_text: str | None) -> tuple[str, str]:
        return (text, "") if source.head == "encoder" else (f"{text} It was ", "." if source.head == "masked" else "")

    room = max_input_tokens(spec, source, tokenizer)
    task = encode_task(tokenizer, source, TEXTS, None, np.arange(3), render, ("terrible", "great"), room, False)
    return source, tokenizer, with_start_text(task, spec, source, tokenizer)


def spec_of(name: str, prompt_tokens: int, text: str = INSTRUCTION, **changes: Any) -> ModelSpec:
    return ModelSpec(name=name, prompt_tokens=prompt_tokens, start="text", start_text=text, **changes)


@pytest.mark.parametrize("name", MODELS)
def test_the_untuned_prompt_is_the_embeddings_that_transformers_gives_to_the_text(name: str) -> None:
    source, _, _ = encoded(ModelSpec(name=name))
    ids = AutoTokenizer.from_pretrained(source.location)(INSTRUCTION, add_special_tokens=False)["input_ids"]
    table = LOADERS[source.head].from_pretrained(source.location).get_input_embeddings()
    with torch.no_grad():
        expected = table(torch.tensor(ids))
    spec = spec_of(name, len(ids))
    _, _, task = encoded(spec)
    evaluator = make_evaluator(spec, source, task, "float32")
    for seed in (0, 1):
        assert torch.equal(evaluator.prompts(np.zeros((1, 5), np.float32), seed)[0], expected)
    assert task.notes == ()


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_the_proof_covers_the_text(name: str) -> None:
    source, _, task = encoded(spec_of(name, 5))
    assert read_verified(spec_of(name, 5), source, {"": task}, "float32").agreement.difference < 1e-5


@pytest.mark.parametrize("difference", [-2, 3])
def test_a_text_is_cut_or_repeated_to_the_prompts_length_and_a_note_says_so(difference: int) -> None:
    _, tokenizer, _ = encoded(ModelSpec(name="mini-gpt2"))
    ids = tokenizer(INSTRUCTION, add_special_tokens=False)["input_ids"]
    n = len(ids) + difference
    _, _, task = encoded(spec_of("mini-gpt2", n))
    assert task.start_text is not None
    assert task.start_text.tolist() == (ids + ids)[:n]
    how = "cut to" if difference < 0 else "repeated to fill"
    assert task.notes == (f"model.start_text has {len(ids)} tokens, and is {how} the {n} of model.prompt_tokens",)


def test_special_tokens_in_a_text_are_characters() -> None:
    _, tokenizer, task = encoded(spec_of("mini-roberta", 12, "<mask> good </s>"))
    assert task.start_text is not None
    assert not set(task.start_text.tolist()) & set(tokenizer.all_special_ids)


@pytest.mark.skipif(not minilm_installed(), reason="no minilm package")
def test_a_text_of_which_the_model_knows_no_token_is_refused() -> None:
    with pytest.raises(ModelError, match=r"start_text must hold a token of the model, but ' ' has none; choose"):
        encoded(spec_of("minilm", 4, " "))


def test_draws_are_those_of_their_seeds_and_the_first_is_the_trials_own() -> None:
    vocabulary = np.arange(100, 400, dtype=np.int32)
    drawn = [start_tokens(draw_seed(5, draw), vocabulary, 8).tolist() for draw in range(4)]
    assert drawn[0] == generator(5, "start tokens").choice(vocabulary, size=8).tolist()
    assert len({tuple(tokens) for tokens in drawn}) == 4
    assert drawn == [start_tokens(draw_seed(5, draw), vocabulary, 8).tolist() for draw in range(4)]


def test_other_starts_leave_the_task_as_it_is() -> None:
    source, tokenizer, task = encoded(ModelSpec(name="mini-roberta"))
    assert task.start_text is None
    same = with_start_text(task, ModelSpec(name="mini-roberta", start="best-of-k"), source, tokenizer)
    assert same is task
