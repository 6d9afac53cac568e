from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken

from zostudy.config.known import EMBEDDED_MODELS, HeadKind
from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.label_words import label_token_ids
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.vocabulary import find_vocabulary


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., ModelSource]:
    """Writes a configuration; nothing else of a model is read here."""

    def make(head: HeadKind = "masked", model_type: str = "bert", **keys: Any) -> ModelSource:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type, **keys}))
        return ModelSource(str(tmp_path), None, head)

    return make


def encoded(tokenizer: Any, source: ModelSource, *texts: str) -> EncodedTask:
    rows = np.arange(len(texts))
    return encode_task(
        tokenizer, source, texts, None, rows, lambda text, _: (f"{text} It was ", "."), ("bad", "good"), 60, False
    )


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_start_tokens_are_all_tokens_but_the_special_ones(name: str) -> None:
    source = find_model(ModelSpec(name=name))
    tokenizer = load_tokenizer(source)
    special = set(tokenizer.all_special_ids)
    expected = [id for id in range(len(tokenizer)) if id not in special]
    assert find_vocabulary(source, tokenizer).start_tokens.tolist() == expected


def test_a_prompt_starts_at_no_token_that_was_added_as_a_special_one(
    make_tokenizer: Callable[..., Any], make_source: Callable[..., ModelSource]
) -> None:
    tokenizer = copy.deepcopy(make_tokenizer("wordpiece"))
    tokenizer.add_tokens([AddedToken("<|reserved|>", special=True)], special_tokens=True)
    reserved = tokenizer.convert_tokens_to_ids("<|reserved|>")
    assert reserved not in tokenizer.all_special_ids
    found = find_vocabulary(make_source(vocab_size=len(tokenizer)), tokenizer)
    assert reserved in found.tokens
    assert reserved not in found.start_tokens


def test_a_table_with_more_rows_than_tokens_is_used_as_far_as_there_are_tokens(
    make_tokenizer: Callable[..., Any], make_source: Callable[..., ModelSource]
) -> None:
    tokenizer = make_tokenizer("wordpiece")
    task = encoded(tokenizer, make_source(vocab_size=len(tokenizer) + 64), "the film was good")
    assert task.start_vocabulary.max() == len(tokenizer) - 1


def test_tokens_beyond_the_table_are_refused_where_a_text_has_them_and_only_there(
    make_tokenizer: Callable[..., Any], make_source: Callable[..., ModelSource]
) -> None:
    tokenizer = make_tokenizer("wordpiece", added=("covid 19", "vaccine"))
    n_tokens = len(tokenizer)
    source = make_source(vocab_size=n_tokens - 2)
    task = encoded(tokenizer, source, "the film was good")
    assert task.start_vocabulary.max() == n_tokens - 3
    with pytest.raises(
        ModelError,
        match=rf"row 2 has token {n_tokens - 2} \('covid 19'\), the tokenizer has {n_tokens} tokens and the model "
        rf"{n_tokens - 2} rows; .* resize_token_embeddings\({n_tokens}\)",
    ):
        encoded(tokenizer, source, "the film was good", "the covid 19 film")


def test_label_words_beyond_the_table_are_refused(
    make_tokenizer: Callable[..., Any], make_source: Callable[..., ModelSource]
) -> None:
    tokenizer = make_tokenizer("words", added=("splendid",))
    source = make_source(vocab_size=len(tokenizer) - 1)
    with pytest.raises(ModelError, match="label word 'splendid' has token"):
        encode_task(
            tokenizer,
            source,
            ("the film",),
            None,
            np.arange(1),
            lambda text, _: (f"{text} It was ", " ."),
            ("bad", "splendid"),
            60,
            False,
        )


@pytest.fixture
def saved(tmp_path: Path, make_tokenizer: Callable[..., Any]) -> Callable[..., ModelSource]:
    """Saves a tokenizer beside a configuration, its ``tokenizer.json`` changed."""

    def save(
        kind: str, change: Callable[[dict[str, Any]], None], head: HeadKind = "masked", **keys: Any
    ) -> ModelSource:
        tokenizer = make_tokenizer(kind)
        tokenizer.save_pretrained(tmp_path)
        written = json.loads((tmp_path / "tokenizer.json").read_text())
        change(written)
        (tmp_path / "tokenizer.json").write_text(json.dumps(written))
        settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | keys))
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(tokenizer)}))
        return ModelSource(str(tmp_path), None, head)

    return save


def test_a_tokenizer_that_draws_at_random_is_refused(saved: Callable[..., ModelSource]) -> None:
    source = saved("roberta", lambda written: written["model"].update(dropout=0.1))
    with pytest.raises(ModelError, match=r"but dropout is 0\.1 in the tokenizer\.json of .*; set it to null"):
        load_tokenizer(source)


@pytest.mark.parametrize(("model_type", "head"), [("roberta", "masked"), ("gpt2", "causal")])
def test_a_tokenizer_that_was_made_up_is_refused(
    make_source: Callable[..., ModelSource], model_type: str, head: HeadKind
) -> None:
    with pytest.raises(ModelError, match=r"has only its special tokens; put the model's own tokenizer\.json beside"):
        load_tokenizer(make_source(head, model_type))


def test_special_tokens_split_by_configuration_leave_the_template_its_mask(saved: Callable[..., ModelSource]) -> None:
    source = saved("roberta", lambda written: None, split_special_tokens=True)
    tokenizer = load_tokenizer(source)
    task = encoded(tokenizer, source, "the film was good")
    assert task.tokens[task.answers[0]] == tokenizer.mask_token_id


def test_a_label_word_that_the_tokenizer_does_not_know_is_refused(
    make_tokenizer: Callable[..., Any], make_source: Callable[..., ModelSource]
) -> None:
    tokenizer = make_tokenizer("words")
    with pytest.raises(ModelError, match="but 'zebra' is unknown to it; choose another word"):
        label_token_ids(tokenizer, "It was ", ("good", "zebra"))
    with pytest.raises(ModelError, match="but '</s>' is a special token to it; choose another word"):
        label_token_ids(tokenizer, "It was ", ("good", "</s>"))
    with pytest.raises(ModelError, match="is none; choose another word"):
        label_token_ids(make_tokenizer("wordpiece"), "It was ", ("\u200b", "\u200b\u200b"))


def test_label_words_that_run_into_the_text_are_refused(
    make_tokenizer: Callable[..., Any], make_source: Callable[..., ModelSource]
) -> None:
    tokenizer = make_tokenizer("wordpiece")
    source = make_source(vocab_size=len(tokenizer))
    with pytest.raises(ModelError, match=r"depends on how a text ends; put a blank or a word before \{mask\}"):
        encode_task(
            tokenizer, source, ("the b",), None, np.arange(1), lambda text, _: (text, ""), ("bad", "good"), 60, False
        )
