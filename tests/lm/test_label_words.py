from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.finding import find_model
from zostudy.lm.label_words import label_token_ids
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import load_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(find_model(ModelSpec(name="mini-roberta")))


def test_a_word_is_the_one_token_that_follows_the_text(tokenizer: Any) -> None:
    ids, keep_space = label_token_ids(tokenizer, "the film was good . It was ", ("terrible", "great"))
    assert not keep_space
    assert tokenizer.convert_ids_to_tokens(ids.tolist()) == ["Ġterrible", "Ġgreat"]


def test_a_word_of_several_tokens_is_refused_with_its_pieces(tokenizer: Any) -> None:
    with pytest.raises(ModelError, match=r"'unfathomable' is \d+ \(.+ .+\); choose another word in task.label_words"):
        label_token_ids(tokenizer, "It was ", ("unfathomable", "great"))


def test_a_long_word_is_told_in_a_short_line(tokenizer: Any) -> None:
    with pytest.raises(ModelError, match="one token of the model") as refusal:
        label_token_ids(tokenizer, "It was ", ("x" * 5000, "great"))
    assert len(str(refusal.value)) < 400


def test_a_word_that_melts_into_the_text_before_it_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ModelError, match=r"'at' changes the tokens of the text before it; put a blank before \{mask\}"):
        label_token_ids(tokenizer, "gre", ("at", "or"))


def test_a_masked_head_needs_a_mask_token() -> None:
    source = replace(find_model(ModelSpec(name="mini-gpt2")), head="masked")
    with pytest.raises(ModelError, match=r"needs a mask token, but the tokenizer of .* has none; set model.head"):
        load_tokenizer(source)


def test_two_classes_cannot_share_a_token(tokenizer: Any) -> None:
    with pytest.raises(ModelError, match="different tokens, but got great, great"):
        label_token_ids(tokenizer, "It was ", ("great", "great"))


def test_a_tokenizer_with_the_space_at_the_end_of_a_token_keeps_it(shared_dir: Path) -> None:
    folder = shared_dir / "models" / "tinystories-656k-llama"
    tokenizer = load_tokenizer(ModelSource(str(folder), None, "causal"))
    ids, keep_space = label_token_ids(tokenizer, "i saw it . It was ", ("bad", "good"))
    assert keep_space
    assert [tokenizer.decode([i]) for i in ids] == ["bad", "good"]
