"""Model folders changed at random: each scores as before, or by what it now says, or is refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from zostudy.config.known import HeadKind
from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.finding import find_model
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.model_digests import weights_digest
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import load_model

_SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
_BERT = _SMALL | {"intermediate_size": 24, "max_position_embeddings": 32}
_GPT2 = {"vocab_size": 40, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32}
FAMILIES: dict[str, tuple[str, dict[str, Any], HeadKind]] = {
    "bert": ("BertForMaskedLM", _BERT, "masked"),
    "gpt2": ("GPT2LMHeadModel", _GPT2, "causal"),
    "llama": ("LlamaForCausalLM", _BERT | {"num_key_value_heads": 2, "tie_word_embeddings": True}, "causal"),
    "mpnet": ("MPNetModel", _BERT, "encoder"),
}
EXACT = (torch.float32, torch.float64)
ROUNDED = (torch.float16, torch.bfloat16)
NO_NUMBERS = (torch.int8, torch.int64, torch.bool, torch.float8_e4m3fn, torch.complex64)
VALUES = st.none() | st.booleans() | st.integers(-2, 100) | st.floats() | st.text(max_size=4) | st.just([1])
IDS = torch.tensor([[5, 7, 9, 11, 13, 6]])
quick = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Made:
    """A saved random model: its folder, its head, and its scores before anything was changed."""

    folder: Path
    head: HeadKind
    scores: Tensor


@pytest.fixture(scope="module", params=FAMILIES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    architecture, options, head = FAMILIES[request.param]
    torch.manual_seed(1)
    model_class: Any = getattr(transformers, architecture)
    folder: Path = tmp_path_factory.mktemp(request.param) / "model"
    model_class(model_class.config_class(**options)).save_pretrained(folder)
    return Made(folder, head, scores(folder, head))


@torch.inference_mode()
def scores(folder: Path, head: HeadKind) -> Tensor:
    source = ModelSource(find_model(ModelSpec(name=str(folder), head=head)).location, None, head)
    weights_digest(source)
    model = load_model(source, torch.float32)
    with load_errors_explained(source):
        output = model(input_ids=IDS)
    scored: Tensor = output.last_hidden_state if head == "encoder" else output.logits
    return scored


def scores_or_line(made: Made, mutate: Callable[[Path], None]) -> Tensor | None:
    """Returns the changed folder's scores, the same twice, or None where one line refuses it."""
    folder = made.folder.with_name("changed")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made.folder, folder)
    mutate(folder)
    try:
        first = scores(folder, made.head)
    except ModelError as error:
        said = str(error)
    else:
        assert torch.equal(first.nan_to_num(7), scores(folder, made.head).nan_to_num(7))
        return first
    assert "\n" not in said
    return None


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    path = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)


@pytest.mark.slow
@quick
@given(data=st.data())
def test_a_tensor_that_is_gone_renamed_reshaped_or_no_number_is_refused(made: Made, data: st.DataObject) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        name = data.draw(st.sampled_from(sorted(tensors)))
        kind = data.draw(st.sampled_from(["delete", "rename", "prefix", "reshape", "retype", "spoil"]))
        tensor = tensors.pop(name)
        if kind == "rename":
            tensors[data.draw(st.sampled_from([f"{name}s", f"x{name}", name.upper(), name.replace(".", "/")]))] = tensor
        elif kind == "prefix":
            moved = {f"module.{other}": values for other, values in {**tensors, name: tensor}.items()}
            tensors.clear()
            tensors.update(moved)
        elif kind == "reshape":
            tensors[name] = data.draw(st.sampled_from([tensor[None], tensor[:-1], torch.cat([tensor, tensor[:1]])]))
        elif kind == "retype":
            tensors[name] = tensor.to(data.draw(st.sampled_from(NO_NUMBERS)))
        elif kind == "spoil":
            tensor.view(-1)[data.draw(st.integers(0, tensor.numel() - 1))] = data.draw(
                st.sampled_from([float("nan"), float("inf"), -float("inf")])
            )
            tensors[name] = tensor

    changed = scores_or_line(made, lambda folder: rewrite(folder, change))
    # An encoder's pooler decides no score.
    assert changed is None or (made.head == "encoder" and torch.equal(changed, made.scores))


@pytest.mark.slow
@quick
@given(data=st.data())
def test_another_dtype_scores_the_same_up_to_its_rounding(made: Made, data: st.DataObject) -> None:
    dtypes = data.draw(st.sampled_from([EXACT, ROUNDED]))

    def change(tensors: dict[str, Tensor]) -> None:
        for name in data.draw(st.sets(st.sampled_from(sorted(tensors)))):
            tensors[name] = tensors[name].to(data.draw(st.sampled_from(dtypes)))

    changed = scores_or_line(made, lambda folder: rewrite(folder, change))
    assert changed is not None
    torch.testing.assert_close(changed, made.scores, rtol=0, atol=0 if dtypes == EXACT else 0.1)


@quick
@given(data=st.data())
def test_any_other_bytes_of_a_file_score_the_same_twice_or_are_refused(made: Made, data: st.DataObject) -> None:
    def mutate(folder: Path) -> None:
        path = folder / data.draw(st.sampled_from(["model.safetensors", "config.json"]))
        content = bytearray(path.read_bytes())
        end = min(len(content), 4096) - 1
        if data.draw(st.booleans()):
            content[data.draw(st.integers(0, end))] = data.draw(st.integers(0, 255))
        else:
            del content[data.draw(st.integers(0, end)) :]
        path.write_bytes(content)

    scores_or_line(made, mutate)


@pytest.mark.slow
@quick
@given(data=st.data())
def test_any_other_settings_score_the_same_twice_or_are_refused(made: Made, data: st.DataObject) -> None:
    def mutate(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        key = data.draw(st.sampled_from(sorted(config)))
        kind = data.draw(st.sampled_from(["delete", "rename", "value", "value", "add"]))
        value = config.pop(key) if kind in ("delete", "rename") else data.draw(VALUES)
        if kind != "delete":
            config[key if kind == "value" else f"{key}_"] = value
        path.write_text(json.dumps(config))

    scores_or_line(made, mutate)
