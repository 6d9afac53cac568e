from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2Model, LlamaConfig, LlamaModel, RobertaConfig, RobertaModel

from zostudy.lm.architecture import (
    LEAST_TEXT_PER_PROMPT,
    LEAST_TOKENS,
    UNIT_FLOPS,
    Architecture,
    micro_batch_size,
    packed_family,
)

BERT = Architecture(
    n_layers=2,
    width=32,
    n_heads=4,
    n_kv_heads=4,
    head_dim=8,
    mlp_width=64,
    causal=False,
    norm_first=False,
    norm_eps=1e-5,
    rotary=False,
    gated=False,
    activation="gelu",
    head_activation="gelu",
)
LLAMA = dataclasses.replace(BERT, n_kv_heads=2, causal=True, norm_first=True, rotary=True, gated=True)
TOKENS = 10


_SMALL: Any = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
MODELS: dict[str, tuple[Architecture, Callable[[], Any]]] = {
    "roberta": (BERT, lambda: RobertaModel(RobertaConfig(**_SMALL), add_pooling_layer=False)),
    "gpt2": (
        dataclasses.replace(BERT, mlp_width=128, causal=True),
        lambda: GPT2Model(GPT2Config(n_embd=32, n_layer=2, n_head=4)),
    ),
    "llama": (LLAMA, lambda: LlamaModel(LlamaConfig(**_SMALL, num_key_value_heads=2))),
}


@pytest.mark.parametrize("name", MODELS)
def test_flops_are_those_that_pytorch_counts_of_transformers_own_model(name: str) -> None:
    shape, make_model = MODELS[name]
    counter: Any = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        make_model().eval()(inputs_embeds=torch.zeros(1, TOKENS, 32))
    counts = counter.get_flop_counts()["Global"]
    products = sum(
        count for operation, count in counts.items() if "mm" in str(operation) and "bmm" not in str(operation)
    )
    assert products == TOKENS * shape.flops_per_token


def _units(shape: Architecture, length: int, prompt_tokens: int) -> int:
    return micro_batch_size(shape, length, prompt_tokens, shared=shape.causal, on_gpu=False, most=256)


def test_a_unit_holds_what_its_cost_allows_but_no_fewer_tokens_than_pay() -> None:
    assert _units(BERT, length=20, prompt_tokens=10) == 256
    medium = dataclasses.replace(BERT, n_layers=6, width=384, n_heads=12, n_kv_heads=12, head_dim=32, mlp_width=1536)
    assert _units(medium, 20, 10) == round(UNIT_FLOPS["cpu"] / (30 * medium.flops_per_token))
    large = dataclasses.replace(BERT, n_layers=24, width=1024, n_heads=16, n_kv_heads=16, head_dim=64, mlp_width=4096)
    assert _units(large, 20, 10) == round(LEAST_TOKENS["cpu"] / 30)
    huge = dataclasses.replace(LLAMA, n_layers=32, width=4096, n_heads=32, head_dim=128, mlp_width=11008)
    assert _units(huge, 20, 100) == round(LEAST_TOKENS["cpu"] / 20)
    assert _units(huge, 20, 200) == LEAST_TEXT_PER_PROMPT * 200 // 20


@pytest.mark.parametrize(("family", "config"), [("bert", RobertaConfig), ("gpt2", GPT2Config), ("llama", LlamaConfig)])
def test_a_quantised_model_has_no_packed_forward(family: str, config: Any) -> None:
    assert packed_family(config()) == family
    assert packed_family(config(quantization_config={"quant_method": "bitsandbytes"})) is None
