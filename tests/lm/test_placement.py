"""Models that transformers places itself: spread over the GPUs of a replica, or quantised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from accelerate import dispatch_model
from numpy.typing import NDArray
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.agreement import BOUNDS, read_verified
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.frozen import FrozenLM, make_evaluator
from zostudy.lm.padded import PaddedLM
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import load_model

SPEC = ModelSpec(name="random", prompt_tokens=4)
SEED, DIM = 3, 6
METHOD = "kept"
_SMALL = {"vocab_size": 60, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
_MODELS: dict[str, tuple[str, Any]] = {
    "masked": ("RobertaForMaskedLM", _SMALL | {"intermediate_size": 40, "pad_token_id": 1}),
    "causal": ("LlamaForCausalLM", _SMALL | {"intermediate_size": 40, "num_key_value_heads": 2}),
    "encoder": ("BertModel", _SMALL | {"intermediate_size": 40}),
}
RandomTask = Callable[..., EncodedTask]
HEADS = pytest.mark.parametrize("head", _MODELS)


@register_quantization_config(METHOD)
class KeptConfig(QuantizationConfigMixin):
    """Of a quantiser that keeps all numbers as they are."""

    def __init__(self, **options: Any) -> None:
        self.quant_method: Any = METHOD


@register_quantizer(METHOD)
class KeepingQuantizer(HfQuantizer):
    """Remembers on which device it was asked to put a model."""

    requires_calibration = False
    is_trainable = False
    asked: Any = None

    def is_serializable(self) -> bool:
        return True

    def validate_environment(self, *args: Any, device_map: Any = None, **options: Any) -> None:
        KeepingQuantizer.asked = device_map


def _saved(folder: Path, head: Any, quantised: bool = False, dtype: torch.dtype = torch.float32) -> ModelSource:
    torch.manual_seed(0)
    architecture, options = _MODELS[head]
    model_class: Any = getattr(transformers, architecture)
    model = model_class(model_class.config_class(**options, dtype=dtype)).to(dtype)
    if quantised:
        model.config.quantization_config = {"quant_method": METHOD}
    model.save_pretrained(folder)
    return ModelSource(str(folder), None, head)


def _queries(n_rows: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    noise = np.random.default_rng(1)
    return noise.standard_normal((4, DIM)).astype(np.float32), noise.integers(0, n_rows, (4, 7)).astype(np.int32)


@HEADS
def test_a_spread_model_is_padded_and_scores_alike(tmp_path: Path, random_task: RandomTask, head: Any) -> None:
    source, task = _saved(tmp_path, head), random_task(head)
    latents, rows = _queries(12)
    packed, spread = (make_evaluator(SPEC, each, task, "float32") for each in (source, replace(source, spread=True)))
    assert isinstance(packed, FrozenLM)
    assert isinstance(spread, PaddedLM)
    np.testing.assert_allclose(spread.score(latents, rows, SEED), packed.score(latents, rows, SEED), atol=1e-4)
    assert read_verified(SPEC, replace(source, spread=True), {"": task}, "float32").agreement.evaluator == "padded"


@HEADS
def test_hooks_that_carry_states_between_devices_change_no_bit(
    tmp_path: Path, random_task: RandomTask, head: Any
) -> None:
    source, task = _saved(tmp_path, head), random_task(head)
    latents, rows = _queries(12)
    plain, carried = load_model(source, torch.float32), load_model(source, torch.float32)
    dispatch_model(carried, {name: "cpu" for name, _ in carried.named_children()}, "cpu", force_hooks=True)
    assert all(hasattr(part, "_hf_hook") for part in carried.children())
    here, there = (PaddedLM(SPEC, model, source, task) for model in (plain, carried))
    for answer in ("score", "states", "gradients"):
        expected, found = (getattr(evaluator, answer)(latents, rows, SEED) for evaluator in (here, there))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the model fits the CUDA device")
def test_a_model_that_the_gpus_cannot_hold_is_refused(tmp_path: Path, random_task: RandomTask) -> None:
    source = replace(_saved(tmp_path, "masked"), spread=True)
    with pytest.raises(ModelError) as caught:
        make_evaluator(SPEC, source, random_task("masked"), "float32", "cuda")
    assert str(caught.value) == (
        f"a model must fit into the GPUs of its replica, but {tmp_path} does not; raise resources.gpus, "
        "or free their memory"
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@HEADS
def test_gpus_give_the_same_scores(tmp_path: Path, random_task: RandomTask, head: Any) -> None:
    source, task = replace(_saved(tmp_path, head), spread=True), random_task(head)
    latents, rows = _queries(12)
    here, there = (
        make_evaluator(SPEC, source, task, "float32", device).score(latents, rows, SEED) for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-3)


@HEADS
def test_a_quantised_model_stays_where_its_quantiser_puts_it_in_its_own_dtype(
    tmp_path: Path, random_task: RandomTask, head: Any
) -> None:
    source, task = _saved(tmp_path, head, quantised=True, dtype=torch.bfloat16), random_task(head)
    evaluator = make_evaluator(SPEC, source, task, "float32")
    assert isinstance(evaluator, PaddedLM)
    assert evaluator.embeddings.dtype == torch.bfloat16
    assert KeepingQuantizer.asked == {"": torch.device("cpu")}
    agreement = read_verified(SPEC, source, {"": task}, "float32").agreement
    assert (agreement.evaluator, agreement.bound) == ("padded", BOUNDS["bfloat16"])
