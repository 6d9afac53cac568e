"""The evaluator against the Hugging Face model run plainly: one text, one prompt, full vocabulary, no padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.model import ModelSpec
from zostudy.lm import attention
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import Evaluator, make_evaluator, on_device
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.sources import ModelSource, minilm_installed
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import load_weights
from zostudy.randomness import generator

TEXTS = (
    "the film was great",
    "a very slow and boring story , but the actors were good",
    "not bad",
    "i did not like the book at all and the end was terrible , really",
)
WORDS = ("terrible", "great")
MODELS = [
    *EMBEDDED_MODELS,
    pytest.param("minilm", marks=pytest.mark.skipif(not minilm_installed(), reason="no minilm package")),
]
SEED = 7
DIM = 5


def _render(head: str) -> Any:
    def render(text: str, second_text: str | None) -> tuple[str, str]:
        return (text, "") if head == "encoder" else (f"{text} It was ", "." if head == "masked" else "")

    return render


def _task(spec: ModelSpec) -> tuple[ModelSource, Any, EncodedTask]:
    source = find_model(spec)
    tokenizer = load_tokenizer(source)
    room = max_input_tokens(spec, source, tokenizer)
    rows = np.arange(len(TEXTS))
    return (
        source,
        tokenizer,
        encode_task(tokenizer, source, TEXTS, None, rows, _render(source.head), WORDS, room, False),
    )


def _reference(
    spec: ModelSpec, source: ModelSource, tokenizer: Any, latent: NDArray[np.float32], text: str
) -> list[float]:
    loader = {"masked": AutoModelForMaskedLM, "causal": AutoModelForCausalLM, "encoder": AutoModel}[source.head]
    model = loader.from_pretrained(source.location).eval()
    table = model.get_input_embeddings().weight.detach()
    allowed = [i for i in range(len(tokenizer)) if i not in tokenizer.all_special_ids]
    start = generator(SEED, "start tokens").choice(np.array(allowed, dtype=np.int32), size=spec.prompt_tokens)
    normals = generator(SEED, "projection", DIM).standard_normal(
        (DIM, spec.prompt_tokens * table.shape[1]), dtype=np.float32
    )
    offset = latent @ normals * (table.std().item() / DIM**0.5)
    prompt = table[torch.from_numpy(start).long()] + torch.from_numpy(offset).view(spec.prompt_tokens, -1)

    before, after = _render(source.head)(text, None)
    if source.head == "masked":
        ids = tokenizer(before + tokenizer.mask_token + after)["input_ids"]
    else:
        ids = tokenizer(before.rstrip(" "))["input_ids"]
    lead = 1 if ids[0] in (tokenizer.bos_token_id, tokenizer.cls_token_id) else 0
    embedded = table[torch.tensor(ids)]
    inputs = torch.cat([embedded[:lead], prompt, embedded[lead:]]).unsqueeze(0)
    with torch.no_grad():
        if source.head == "encoder":
            pooled = model(inputs_embeds=inputs).last_hidden_state.mean(1)
            labels = torch.cat([model(**tokenizer(w, return_tensors="pt")).last_hidden_state.mean(1) for w in WORDS])
            return (spec.temperature * torch.nn.functional.cosine_similarity(pooled, labels)).tolist()
        logits = model(inputs_embeds=inputs).logits[0]
    position = spec.prompt_tokens + (ids.index(tokenizer.mask_token_id) if source.head == "masked" else len(ids) - 1)
    words = [tokenizer(" " + word, add_special_tokens=False)["input_ids"] for word in WORDS]
    assert all(len(word) == 1 for word in words)
    return [logits[position, word[0]].item() for word in words]


@pytest.fixture(scope="module", params=MODELS)
def loaded(request: pytest.FixtureRequest) -> tuple[ModelSpec, ModelSource, Any, EncodedTask, Evaluator]:
    spec = ModelSpec(name=request.param, prompt_tokens=6)
    source, tokenizer, task = _task(spec)
    return spec, source, tokenizer, task, make_evaluator(spec, source, task, "float32")


def _queries(n_queries: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    noise = np.random.default_rng(0)
    latents = noise.standard_normal((n_queries, DIM)).astype(np.float32)
    rows = np.stack([noise.permutation(len(TEXTS)) for _ in range(n_queries)]).astype(np.int32)
    return latents, rows


@pytest.mark.slow
def test_scores_equal_the_plain_model(loaded: Any) -> None:
    spec, source, tokenizer, _, lm = loaded
    latents, rows = _queries(3)
    scores = lm.score(latents, rows, SEED)
    expected = [
        [_reference(spec, source, tokenizer, z, TEXTS[i]) for i in row] for z, row in zip(latents, rows, strict=True)
    ]
    assert scores.dtype == np.float32
    assert scores.shape == (3, len(TEXTS), len(WORDS))
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_padded_equals_unpadded(loaded: Any) -> None:
    lm = loaded[-1]
    latents, _ = _queries(2)
    rows = np.tile(np.arange(len(TEXTS), dtype=np.int32), (2, 1))
    together = lm.score(latents, rows, SEED)
    alone = np.concatenate([lm.score(latents, rows[:, [i]], SEED) for i in range(len(TEXTS))], axis=1)
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=2e-5)


def test_same_call_same_bits_and_other_seed_other_scores(loaded: Any) -> None:
    lm = loaded[-1]
    latents, rows = _queries(2)
    first = lm.score(latents, rows, SEED)
    np.testing.assert_array_equal(first, lm.score(latents, rows, SEED))
    assert not np.allclose(first, lm.score(latents, rows, SEED + 1), atol=1e-3)


def test_the_prompt_matters_and_a_zero_latent_is_the_start_prompt_at_any_dim(loaded: Any) -> None:
    lm = loaded[-1]
    _, rows = _queries(1)
    small, large = (lm.score(np.zeros((1, dim), np.float32), rows, SEED) for dim in (3, 50))
    np.testing.assert_array_equal(small, large)
    assert not np.allclose(small, lm.score(np.ones((1, 3), np.float32), rows, SEED), atol=1e-3)


def test_indices_keep_their_values_and_shapes_on_the_way_to_a_device() -> None:
    arrays: list[NDArray[Any]] = [np.arange(6, dtype=np.int32), np.array([], np.int64), np.array([[2**40, 1], [3, 4]])]
    moved = on_device(torch.device("cpu"), *arrays)
    assert {each.dtype for each in moved} == {torch.int64}
    for each, array in zip(moved, arrays, strict=True):
        np.testing.assert_array_equal(each.numpy(), array)


def test_what_tokens_see_is_made_once_for_all_layers(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []
    make = attention._causal_mask

    def counted(n_prefix: int, length: int, device: torch.device) -> torch.Tensor:
        made.append((n_prefix, length))
        return make(n_prefix, length, device)

    monkeypatch.setattr(attention, "_causal_mask", counted)
    latents, rows = _queries(2)
    loaded[-1].score(latents, rows, SEED)
    assert len(made) == len({*made})
    assert bool(made) == (loaded[1].head == "causal")


def test_weights_stay_frozen(loaded: Any) -> None:
    spec, source, _, task, _ = loaded
    weights = load_weights(source, [task], spec.prompt_tokens, "float32")
    assert weights is not None
    for array in weights.arrays.values():
        array.flags.writeable = False
    latents, rows = _queries(1)
    before = {name: array.copy() for name, array in weights.arrays.items()}
    make_evaluator(spec, weights, task, "float32").score(latents, rows, SEED)
    assert all(np.array_equal(before[name], array) for name, array in weights.arrays.items())
