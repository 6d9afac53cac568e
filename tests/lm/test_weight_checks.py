"""Weights and config.json against each other: what does not fit is refused by name, never drawn at random."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from zostudy.config.known import HeadKind
from zostudy.errors import ModelError
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import load_model

_BERT = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
}
_LLAMA = _BERT | {"num_key_value_heads": 2, "tie_word_embeddings": False}
_GPT2 = {"vocab_size": 40, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32}


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str, dict[str, Any]], Path]:
    """Saves a random model of a class and options, and gives its folder."""

    def save(architecture: str, options: dict[str, Any]) -> Path:
        torch.manual_seed(0)
        model_class: Any = getattr(transformers, architecture)
        model_class(model_class.config_class(**options)).save_pretrained(tmp_path / architecture)
        return tmp_path / architecture

    return save


def load(folder: Path, head: HeadKind) -> Any:
    return load_model(ModelSource(str(folder), None, head), torch.float32)


def refused(folder: Path, head: HeadKind) -> str:
    with pytest.raises(ModelError) as caught:
        load(folder, head)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change(folder: Path, **keys: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def rewrite(folder: Path, mutate: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    path = folder / "model.safetensors"
    save_file(mutate({name: tensor.clone() for name, tensor in load_file(path).items()}), path)


def test_a_bare_encoder_has_no_masked_head_and_says_which_remedies_there_are(saved: Any) -> None:
    folder = saved("RobertaModel", _BERT)
    said = refused(folder, "masked")
    assert "lacks 6 tensors (lm_head.bias, lm_head.decoder.bias, lm_head.dense.bias, ...)" in said
    assert said.endswith("take a checkpoint that was saved with its masked head, or set model.head to encoder")
    load(folder, "encoder")


@pytest.mark.parametrize("layers", [1, 3])
def test_more_or_fewer_layers_than_the_file_has_are_refused(saved: Any, layers: int) -> None:
    folder = saved("LlamaForCausalLM", _LLAMA)
    change(folder, num_hidden_layers=layers)
    verb, layer = ("holds 9", "1") if layers == 1 else ("lacks 9", "2")
    assert f"{verb} tensors (model.layers.{layer}.input_layernorm.weight" in refused(folder, "causal")
    assert f"layers.{layer}.input_layernorm.weight" in refused(folder, "encoder")


def test_a_config_of_another_family_a_prefix_and_an_empty_file_are_refused(saved: Any) -> None:
    roberta, folder = saved("RobertaForMaskedLM", _BERT), saved("GPT2LMHeadModel", _GPT2)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes((roberta / "model.safetensors").read_bytes())
    said = refused(folder, "causal")
    assert "lacks 29 tensors (lm_head.weight, transformer.h.0.attn.c_attn.bias, " in said
    assert "(lm_head.dense.bias, " in said or "(lm_head.bias, " in said
    (folder / "model.safetensors").write_bytes(weights)
    rewrite(folder, lambda tensors: {f"module.{name}": tensor for name, tensor in tensors.items()})
    said = refused(folder, "causal")
    assert "lacks 29 tensors" in said
    assert "holds 26 tensors (module.transformer.h.0.attn.c_attn.weight" in said
    rewrite(folder, lambda tensors: {})
    assert "numbers and" in refused(folder, "causal")


def test_shapes_that_differ_are_both_told(saved: Any) -> None:
    folder = saved("GPT2LMHeadModel", _GPT2)
    change(folder, vocab_size=41)
    assert "holds transformer.wte.weight as [40, 16] where config.json asks for [41, 16]; mend" in refused(
        folder, "causal"
    )
    change(folder, n_positions=33)
    assert "[33, 16], and 1 more of other shapes" in refused(folder, "causal")


def test_a_config_of_a_far_larger_model_takes_no_memory(saved: Any) -> None:
    folder = saved("GPT2LMHeadModel", _GPT2)
    change(folder, vocab_size=10**12)
    assert "describes 16,000,000,007,104 numbers" in refused(folder, "causal")


def test_a_config_of_a_billion_layers_takes_no_time(saved: Any) -> None:
    folder = saved("GPT2LMHeadModel", _GPT2)
    change(folder, n_layer=10**9)
    assert "describes 1,000,000,000 layers and" in refused(folder, "causal")


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("attn.c_attn.weight", lambda old: (100 * old).to(torch.int8), "must be floating-point numbers, but"),
        ("attn.c_attn.weight", lambda old: old.to(torch.float8_e4m3fn), "is float8_e4m3fn"),
        ("attn.c_attn.weight", lambda old: old.to(torch.complex64), "is complex64"),
        ("mlp.c_fc.bias", lambda old: old.fill_(math.nan), "NaN or infinity in 1 tensor (transformer.h.1.mlp.c_fc"),
        ("mlp.c_fc.bias", lambda old: old.fill_(-math.inf), "must be finite numbers, but"),
    ],
)
def test_numbers_that_no_score_can_come_of_are_refused(saved: Any, name: str, values: Any, words: str) -> None:
    folder = saved("GPT2LMHeadModel", _GPT2)
    name = f"transformer.h.1.{name}"
    rewrite(folder, lambda tensors: tensors | {name: values(tensors[name])})
    assert words in refused(folder, "causal")
    assert name in refused(folder, "causal")


def test_huge_but_finite_weights_are_taken(saved: Any) -> None:
    folder = saved("GPT2LMHeadModel", _GPT2)
    name = "transformer.h.1.mlp.c_fc.bias"
    rewrite(folder, lambda tensors: tensors | {name: torch.full_like(tensors[name], 3e38)})
    load(folder, "causal")


def test_what_a_family_leaves_out_or_brings_along_is_taken(saved: Any) -> None:
    whole = saved("BertForPreTraining", _BERT)  # with pooler and next-sentence prediction
    old = {"bert.embeddings.position_ids": torch.arange(32)[None]}
    rewrite(whole, lambda tensors: tensors | old)
    for head in ("masked", "encoder"):
        load(whole, head)
    classifier = saved("RobertaForSequenceClassification", _BERT | {"num_labels": 5})
    load(classifier, "encoder")
    assert "lacks" in refused(classifier, "masked")
    gpt2 = saved("GPT2Model", _GPT2)  # no prefix, tied head, and the causal mask that older versions saved
    rewrite(gpt2, lambda tensors: tensors | {"h.0.attn.bias": torch.ones(1, 1, 32, 32)})
    assert torch.equal(load(gpt2, "causal").lm_head.weight, load(gpt2, "encoder").wte.weight)
    llama = saved("LlamaForCausalLM", _LLAMA)
    rewrite(llama, lambda tensors: tensors | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2)})
    load(llama, "causal")


@pytest.mark.parametrize("name", ["extra.weight", "lm_head.bias", "model.layers.0.self_attn.q_proj.lora_A.weight"])
def test_a_tensor_without_a_place_is_refused(saved: Any, name: str) -> None:
    folder = saved("LlamaForCausalLM", _LLAMA)
    rewrite(folder, lambda tensors: tensors | {name: torch.zeros(40)})
    assert f"holds 1 tensor ({name}) that the model has no place for; mend" in refused(folder, "causal")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"hidden_act": "no_such"}, "(unknown or missing: 'no_such')"),
        ({"hidden_size": "16"}, "Field 'hidden_size' expected int, got str (value: '16')"),
        ({"num_attention_heads": 3}, "cannot be loaded ("),
        ({"model_type": "no-such"}, "does not recognize this architecture"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "which is not installed"),
    ],
)
def test_a_config_that_cannot_be_used_is_one_line(saved: Any, keys: dict[str, Any], words: str) -> None:
    folder = saved("BertForMaskedLM", _BERT)
    change(folder, **keys)
    assert words in refused(folder, "masked")


def test_an_attention_that_needs_code_from_elsewhere_is_not_used(saved: Any) -> None:
    folder = saved("BertForMaskedLM", _BERT)
    change(folder, attn_implementation="someone/kernel")
    assert load(folder, "masked").config._attn_implementation == "sdpa"
