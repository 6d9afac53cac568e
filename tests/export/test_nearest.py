from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.spatial.distance import cdist

from zostudy.config.model import ModelSpec
from zostudy.export.nearest import nearest_tokens
from zostudy.lm.finding import find_model
from zostudy.lm.tokenizer import load_tokenizer


def test_tokens_are_the_nearest_by_brute_force(exported_study: Callable[[str], Any]) -> None:
    exported = exported_study("mini-llama")
    source = find_model(ModelSpec(name="mini-llama"))
    table = load_file(f"{source.location}/model.safetensors")["model.embed_tokens.weight"].astype(np.float64)
    tokenizer = load_tokenizer(source)
    prompt = load_file(exported.folder / "prompt_embeds.safetensors")["prompt_embeds"].astype(np.float64)
    cosines, distances = 1 - cdist(prompt, table, "cosine"), cdist(prompt, table)
    vectors = nearest_tokens(exported.trial, 3)
    assert [vector.position for vector in vectors] == [0, 1, 2, 3]
    for vector, of_token, away in zip(vectors, cosines, distances, strict=True):
        assert [token.id for token in vector.nearest] == np.argsort(-of_token)[:3].tolist()
        for token in (vector.start, *vector.nearest):
            assert token.cosine == pytest.approx(of_token[token.id], abs=1e-5)
            assert token.distance == pytest.approx(away[token.id], rel=1e-5)
            assert tokenizer.convert_tokens_to_ids(token.token) == token.id


def test_an_untuned_prompt_is_its_start_tokens(exported_study: Callable[[str], Any]) -> None:
    study = exported_study("mini-roberta").trial.study
    names = study.results.trials["trial"]
    vectors = nearest_tokens(study.trial(names[names.str.startswith("untuned")].iloc[0]), 1)
    assert [vector.nearest[0] for vector in vectors] == [vector.start for vector in vectors]
    assert all(vector.start.distance == 0 for vector in vectors)
    assert all(vector.start.cosine == pytest.approx(1) for vector in vectors)


def test_a_search_trial_has_tokens_too_and_no_more_than_the_vocabulary(exported_study: Callable[[str], Any]) -> None:
    study = exported_study("mini-roberta").trial.study
    [name] = [name for name in study.results.trials["trial"] if "search" in name]
    assert {len(vector.nearest) for vector in nearest_tokens(study.trial(name), 10**6)} == {684}
