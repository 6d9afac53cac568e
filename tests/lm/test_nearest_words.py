from __future__ import annotations

import numpy as np
import pytest
import torch

from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.model import ModelSpec
from zostudy.lm.finding import find_model
from zostudy.lm.nearest_words import embedding_table, is_one_token, nearest_words
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import load_model

BEFORE = "a text: It was "


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_the_table_is_that_of_transformers(name: str) -> None:
    source = find_model(ModelSpec(name=name))
    expected = load_model(source, torch.float32).get_input_embeddings().weight.numpy()
    assert np.array_equal(embedding_table(source), expected)


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_the_nearest_words_are_those_that_brute_force_finds(name: str) -> None:
    source = find_model(ModelSpec(name=name))
    tokenizer, table = load_tokenizer(source), embedding_table(source)
    [found] = nearest_words(tokenizer, table, BEFORE, ["wonderful acting"], top=3)
    centred = torch.from_numpy(table - table.mean(axis=0))
    centre = centred[tokenizer(" wonderful acting", add_special_tokens=False)["input_ids"]].mean(dim=0)
    cosines = torch.cosine_similarity(centred, centre[None]).tolist()
    ranked = []
    tokens = [*tokenizer.convert_ids_to_tokens(range(len(cosines))), ""]
    fragments = [
        len(token) < 4 or token[0] != "Ġ" or tokens[id + 1].startswith(token) for id, token in enumerate(tokens[:-1])
    ]
    for id in sorted(range(len(cosines)), key=lambda id: (fragments[id], -cosines[id])):
        word = tokenizer.decode([id]).strip()
        if word.isalpha() and len(word) > 1 and word not in ranked and id not in tokenizer.all_special_ids:
            ranked.append(word)
    assert list(found) == [word for word in ranked[:150] if is_one_token(tokenizer, BEFORE, word)][:3]


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_a_name_that_is_one_token_comes_first_and_all_words_can_be_answers(name: str) -> None:
    source = find_model(ModelSpec(name=name))
    tokenizer = load_tokenizer(source)
    found = nearest_words(tokenizer, embedding_table(source), BEFORE, ["great", "terrible", "zqzq vx"], top=5)
    assert [words[0] for words in found[:2]] == ["great", "terrible"]
    assert all(len(words) == 5 and is_one_token(tokenizer, BEFORE, word) for words in found for word in words)
    assert not is_one_token(tokenizer, BEFORE, "great film")


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_no_word_is_a_step_to_a_longer_one(name: str) -> None:
    source = find_model(ModelSpec(name=name))
    tokenizer, table = load_tokenizer(source), embedding_table(source)
    [found] = nearest_words(tokenizer, table, BEFORE, ["good"], top=150)
    assert found[0] == "good"
    assert {"goo", "ou", "se"}.isdisjoint(found)
    ids = [tokenizer.encode(f" {word}", add_special_tokens=False)[-1] for word in found]
    tokens, following = (tokenizer.convert_ids_to_tokens([id + shift for id in ids]) for shift in (0, 1))
    assert not [one for one, longer in zip(tokens, following, strict=True) if longer and longer.startswith(one)]
    [every] = nearest_words(tokenizer, table, BEFORE, ["good"], top=1000)
    assert every[: len(found)] == found
