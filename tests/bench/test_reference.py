"""The reference loop and zostudy's evaluator find the same scores, on trained weights and on random ones."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from zostudy.bench import models
from zostudy.bench.evaluator import AGREEMENT, disagreement, measure_model
from zostudy.bench.models import SUBSPACE_DIM, BenchModel, open_model, random_model, read_weights
from zostudy.bench.reference import ReferenceLoop
from zostudy.bench.report import ModelSpeed, Speed
from zostudy.bench.texts import Texts, read_texts
from zostudy.lm.frozen import FrozenLM
from zostudy.lm.sources import minilm_installed

MINILM = pytest.param("minilm", marks=pytest.mark.skipif(not minilm_installed(), reason="no minilm package"))
SPEED = Speed("float32", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, difference=0.0)


@pytest.fixture(scope="module")
def texts() -> Texts:
    return read_texts(None, "", 1)


def both(bench_model: BenchModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    latents, rows = bench_model.latents[:2], bench_model.rows[:2]
    reference = ReferenceLoop(bench_model.spec, bench_model.source, bench_model.task, SUBSPACE_DIM)
    lm = FrozenLM(bench_model.spec, read_weights(bench_model, "float32"), bench_model.task)
    return reference.score(latents, rows), lm.score(latents, rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini-roberta", "mini-gpt2", "mini-llama", MINILM])
def test_it_agrees_with_the_evaluator(texts: Texts, name: str) -> None:
    with open_model(name, texts) as bench_model:
        expected, scores = both(bench_model)
    assert expected.std() > 100 * AGREEMENT
    np.testing.assert_allclose(scores, expected, rtol=0, atol=AGREEMENT)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini-roberta", "mini-llama"])
def test_the_careful_loop_scores_the_same_but_for_bfloat16(texts: Texts, name: str) -> None:
    with open_model(name, texts) as bench_model:
        latents, rows = bench_model.latents[:2], bench_model.rows[:2]
        loops = [
            ReferenceLoop(bench_model.spec, bench_model.source, bench_model.task, SUBSPACE_DIM, careful=careful)
            for careful in (False, True)
        ]
        plain, careful = (loop.score(latents, rows) for loop in loops)
    error = np.abs(careful - plain).max()
    assert AGREEMENT < error < 0.2 * plain.std()


def test_two_prompts_differ(texts: Texts) -> None:
    with open_model("mini-roberta", texts) as bench_model:
        first, second = both(bench_model)[0]
    assert np.abs(first - second).max() > 100 * AGREEMENT


SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4}
SMALL_KIN: dict[str, dict[str, int]] = {
    "roberta-large": SMALL | {"intermediate_size": 128},
    "gpt2-medium": {"n_layer": 2, "n_embd": 32, "n_head": 4},
    "llama-1b": SMALL | {"num_key_value_heads": 2, "intermediate_size": 48},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL_KIN)
def test_it_agrees_on_random_weights_of_the_same_families(
    monkeypatch: pytest.MonkeyPatch, texts: Texts, name: str
) -> None:
    head, family, settings = models._ARCHITECTURES[name]
    monkeypatch.setitem(models._ARCHITECTURES, name, (head, family, settings | SMALL_KIN[name]))
    few = replace(texts, everything=texts.everything[:500])
    with open_model(name, few) as bench_model:
        expected, scores = both(bench_model)
        folder = Path(bench_model.source.location)
        assert folder.is_dir()
    assert not folder.exists()
    assert bench_model.source.head == head
    assert bench_model.weights == "random"
    assert len(set(bench_model.task.label_tokens)) == 2
    assert expected.std() > 10 * AGREEMENT
    np.testing.assert_allclose(scores, expected, rtol=0, atol=AGREEMENT)
    with open_model(name, few) as again:
        np.testing.assert_array_equal(again.task.tokens, bench_model.task.tokens)
        np.testing.assert_array_equal(both(again)[0], expected)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("roberta-large", 355e6),
        ("gpt2-medium", 355e6),
        ("gpt2-xl", 1558e6),
        ("llama-1b", 1100e6),
        ("llama-8b-quarter", 2796e6),
    ],
)
def test_architectures_have_their_true_size(name: str, parameters: float) -> None:
    with torch.device("meta"):
        model = random_model(name)
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(parameters, rel=5e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["mini-roberta", "mini-gpt2", "mini-llama", MINILM])
def test_it_agrees_on_a_gpu(texts: Texts, name: str) -> None:
    with open_model(name, texts) as bench_model:
        measured = measure_model(bench_model, "cuda", 1)
    assert disagreement(measured) is None
    assert measured.peak_bytes > 0


@pytest.mark.parametrize(("difference", "fits"), [(0.0, True), (9e-5, True), (2e-4, False), (math.nan, False)])
def test_a_difference_beyond_the_agreement_is_told(difference: float, fits: bool) -> None:
    speeds = (replace(SPEED, evaluator="reference"), replace(SPEED, difference=difference))
    model = ModelSpeed("mini-roberta", "trained", 1, 10, 16, 32, 20.0, 30, 1, speeds)
    line = disagreement(model)
    assert (line is None) == fits
    if line is not None:
        assert line.startswith("mini-roberta: ")
