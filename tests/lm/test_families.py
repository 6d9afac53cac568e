"""Every family of models, packed and padded, against transformers run plainly: one text, one prompt, no padding."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from zostudy.config.known import HeadKind
from zostudy.config.model import ModelSpec
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.frozen import FrozenLM, make_evaluator
from zostudy.lm.padded import PaddedLM
from zostudy.lm.sources import ModelSource
from zostudy.lm.subspace import Subspaces
from zostudy.lm.weights import TORCH_DTYPES, load_model, load_weights

SPEC = ModelSpec(name="random", prompt_tokens=4)
SEED, DIM = 3, 6
ModelFolder = Callable[[str], ModelSource]
RandomTask = Callable[..., EncodedTask]

VOCABULARY = 60
_SMALL = {"vocab_size": VOCABULARY, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4}
_BERT = _SMALL | {"intermediate_size": 40, "max_position_embeddings": 64, "pad_token_id": 1}
_LLAMA = _SMALL | {"intermediate_size": 40, "num_key_value_heads": 2, "max_position_embeddings": 64}
_LONG_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}

CONFIGS: dict[str, tuple[str, dict[str, Any], HeadKind]] = {
    "roberta": ("RobertaForMaskedLM", _BERT, "masked"),
    "bert": ("BertForMaskedLM", _BERT | {"hidden_act": "gelu_new"}, "masked"),
    "xlm-roberta": ("XLMRobertaForMaskedLM", _BERT, "masked"),
    "camembert": ("CamembertForMaskedLM", _BERT, "masked"),
    "bert encoder": ("BertModel", _BERT, "encoder"),
    "gpt2": ("GPT2LMHeadModel", {"vocab_size": VOCABULARY, "n_embd": 24, "n_layer": 3, "n_head": 4}, "causal"),
    "gpt2 encoder": ("GPT2Model", {"vocab_size": VOCABULARY, "n_embd": 24, "n_layer": 2, "n_head": 4}, "encoder"),
    "llama": ("LlamaForCausalLM", _LLAMA, "causal"),
    "llama tied, long": (
        "LlamaForCausalLM",
        _LLAMA | {"tie_word_embeddings": True, "head_dim": 8, "rope_parameters": _LONG_ROPE},
        "causal",
    ),
    "llama encoder": ("LlamaModel", _LLAMA, "encoder"),
    "qwen2": ("Qwen2ForCausalLM", _LLAMA, "causal"),
    "mistral": ("MistralForCausalLM", _LLAMA | {"sliding_window": None}, "causal"),
}
OTHERS: dict[str, tuple[str, dict[str, Any], HeadKind]] = {
    "mistral with a window": ("MistralForCausalLM", _LLAMA | {"sliding_window": 8}, "causal"),
    "gpt2 scaled by layer": (
        "GPT2LMHeadModel",
        {"vocab_size": VOCABULARY, "n_embd": 24, "n_head": 4, "n_layer": 2, "scale_attn_by_inverse_layer_idx": True},
        "causal",
    ),
    "opt": (
        "OPTForCausalLM",
        _SMALL | {"ffn_dim": 40, "word_embed_proj_dim": 24, "max_position_embeddings": 64},
        "causal",
    ),
}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelSource]:
    """Gives the saved model of a name in ``CONFIGS`` or ``OTHERS``, its weights random but for the seed."""
    import transformers

    made: dict[str, ModelSource] = {}

    def make(name: str) -> ModelSource:
        if name not in made:
            architecture, options, head = (CONFIGS | OTHERS)[name]
            model_class: Any = getattr(transformers, architecture)
            torch.manual_seed(len(made))
            model = model_class(model_class.config_class(**options))
            with torch.no_grad():  # norms and biases that are not 1 and 0, or a test could not see them
                for parameter in model.parameters():
                    parameter.add_(0.1 * torch.randn_like(parameter))
            folder: Path = tmp_path_factory.mktemp("model")
            model.save_pretrained(folder)
            made[name] = ModelSource(str(folder), None, head)
        return made[name]

    return make


def _queries(n_queries: int, n_rows: int, batch: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    noise = np.random.default_rng(1)
    latents = noise.standard_normal((n_queries, DIM)).astype(np.float32)
    return latents, noise.integers(0, n_rows, (n_queries, batch)).astype(np.int32)


@torch.inference_mode()
def _plain(source: ModelSource, task: EncodedTask, latent: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    """Returns the scores of one text under one prompt from the whole model and its whole vocabulary."""
    model = load_model(source, torch.float32)
    table = model.get_input_embeddings().weight
    subspace = Subspaces.of(SPEC, task, model.get_input_embeddings(), float(table.std())).get(SEED, DIM)
    text = table[torch.from_numpy(task.tokens[task.offsets[row] : task.offsets[row + 1]]).long()]
    prompt = subspace.prompts(torch.from_numpy(latent[None]))[0]
    inputs = torch.cat([text[: task.lead], prompt, text[task.lead :]]).unsqueeze(0)
    if source.head != "encoder":
        position = int(task.answers[row]) + SPEC.prompt_tokens
        return np.asarray(model(inputs_embeds=inputs).logits[0, position, torch.from_numpy(task.label_tokens).long()])
    mean = model(inputs_embeds=inputs).last_hidden_state.mean(1)
    words = [model(input_ids=torch.from_numpy(w)[None]).last_hidden_state.mean(1) for w in task.label_texts]
    return np.asarray(SPEC.temperature * torch.nn.functional.cosine_similarity(mean, torch.cat(words)))


@pytest.mark.slow
@pytest.mark.parametrize("lead", [0, 1])
@pytest.mark.parametrize("name", [*CONFIGS, *OTHERS])
def test_scores_equal_the_plain_model(model_folder: ModelFolder, random_task: RandomTask, name: str, lead: int) -> None:
    source = model_folder(name)
    task = random_task(source.head, lead)
    latents, rows = _queries(5, 12, 7)
    evaluator = make_evaluator(SPEC, source, task, "float32")
    assert isinstance(evaluator, FrozenLM if name in CONFIGS else PaddedLM)
    scores = evaluator.score(latents, rows, SEED, group=2)
    for query, column in ((0, 0), (2, 6), (4, 3)):
        expected = _plain(source, task, latents[query], int(rows[query, column]))
        np.testing.assert_allclose(scores[query, column], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_the_packed_and_the_padded_evaluator_agree(
    model_folder: ModelFolder, random_task: RandomTask, name: str
) -> None:
    source = model_folder(name)
    task = random_task(source.head, lead=1, n_rows=40)
    latents, rows = _queries(9, 40, 16)
    packed = make_evaluator(SPEC, source, task, "float32").score(latents, rows, SEED, group=3)
    padded = PaddedLM(SPEC, load_model(source, torch.float32), source, task).score(latents, rows, SEED, group=3)
    np.testing.assert_allclose(packed, padded, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["roberta", "opt"])
def test_forwards_at_the_same_time_have_each_their_own_answers(
    model_folder: ModelFolder, random_task: RandomTask, name: str
) -> None:
    source = model_folder(name)
    task = random_task(source.head, lead=1, n_rows=40)
    model = load_model(source, torch.float32)
    padded = PaddedLM(SPEC, model, source, task)
    latents, rows = _queries(2, 40, 16)
    alone = [padded.score(latents, some, SEED) for some in (rows[:, :8], rows[:, 8:13])]
    together = threading.Barrier(2, timeout=60)

    def wait(*_: Any) -> None:
        together.wait()

    model.base_model.register_forward_hook(wait)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda some: padded.score(latents, some, SEED), (rows[:, :8], rows[:, 8:13])))
    for scores, expected in zip(found, alone, strict=True):
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["roberta", "gpt2", "llama", "bert encoder", "opt"])
def test_bfloat16_is_near_float32_and_is_not_it(model_folder: ModelFolder, random_task: RandomTask, name: str) -> None:
    source = model_folder(name)
    task = random_task(source.head, lead=1)
    latents, rows = _queries(4, 12, 8)
    exact, rounded = (make_evaluator(SPEC, source, task, d).score(latents, rows, SEED) for d in ("float32", "bfloat16"))
    error = np.abs(exact - rounded).max() / np.abs(exact).max()
    assert 1e-5 < error < 3e-2


def test_a_causal_text_with_nothing_behind_the_lead_is_scored(model_folder: ModelFolder) -> None:
    source = model_folder("llama")
    task = EncodedTask(
        tokens=np.array([5, 5, 9, 8], np.int32),
        offsets=np.array([0, 1, 4]),
        answers=np.array([0, 2], np.int32),
        lead=1,
        label_tokens=np.array([11, 7], np.int32),
        label_texts=(),
        start_vocabulary=np.arange(6, VOCABULARY, dtype=np.int32),
    )
    latents, rows = _queries(2, 2, 2)
    rows[:] = [0, 1]
    scores = make_evaluator(SPEC, source, task, "float32").score(latents, rows, SEED)
    for column in (0, 1):
        np.testing.assert_allclose(scores[1, column], _plain(source, task, latents[1], column), rtol=1e-4, atol=1e-4)


def test_weights_come_back_from_their_arrays_as_they_were(model_folder: ModelFolder, random_task: RandomTask) -> None:
    source = model_folder("gpt2")
    task = random_task("causal", lead=0)
    for dtype, expected in TORCH_DTYPES.items():
        weights = load_weights(source, [task], SPEC.prompt_tokens, dtype)
        assert weights is not None
        tensors = weights.tensors()
        assert tensors["0.qkv.weight"].dtype == expected
        assert tensors["0.attention_norm.weight"].dtype == tensors["positions"].dtype == torch.float32
        plain = load_model(source, torch.float32)
        torch.testing.assert_close(tensors["0.qkv.weight"], plain.transformer.h[0].attn.c_attn.weight.T.to(expected))
        assert weights.n_bytes == sum(t.numel() * t.element_size() for t in tensors.values())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", [*CONFIGS, *OTHERS])
def test_a_gpu_gives_the_same_scores(model_folder: ModelFolder, random_task: RandomTask, name: str) -> None:
    source = model_folder(name)
    task = random_task(source.head, lead=1)
    latents, rows = _queries(9, 12, 16)
    here, there = (
        make_evaluator(SPEC, source, task, "float32", device).score(latents, rows, SEED, group=3)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-3)
