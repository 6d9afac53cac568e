"""The identity of the model that a prompt was tuned for: digests of its weights and tokenizer, and its settings."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from zostudy.errors import ModelError
from zostudy.lm.finding import load_config
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.model_digests import weights_digest
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import tokens_digest

# Settings that change no score, or that zostudy sets itself. Saving a model again changes them.
_IGNORED = {
    "_attn_implementation_autoset",
    "_name_or_path",
    "architectures",
    "auto_map",
    "dtype",
    "id2label",
    "label2id",
    "torch_dtype",
    "transformers_version",
    "use_cache",
}


class Identity(BaseModel):
    """The identity of a frozen model.

    Attributes:
        weights: SHA-256 of all tensors with their names.
        config: transformers' configuration with every default filled in.
        tokens: SHA-256 of the vocabulary and of the token ids of some texts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: str
    config: dict[str, Any]
    tokens: str


def identity_of(source: ModelSource, tokenizer: Any) -> Identity:
    """Returns the identity of a model.

    Raises:
        ModelError: the model cannot be read.
    """
    with load_errors_explained(source):
        config: dict[str, Any] = json.loads(load_config(source).to_json_string(use_diff=False))
        return Identity(weights=weights_digest(source), config=config, tokens=tokens_digest(tokenizer))


def check_identity(identity: Identity, name: str, source: ModelSource, tokenizer: Any) -> None:
    """Checks that ``source`` is the model with this identity and name, for which the prompt was tuned.

    Raises:
        ModelError: it is another model, or cannot be read.
    """
    if difference := _difference(identity, source, tokenizer):
        raise wrong_model(name, source, difference)


def wrong_model(name: str, source: ModelSource, difference: str) -> ModelError:
    """Returns the error of a model that is not the one that a prompt was tuned for."""
    rule = f"a prompt works with the model it was tuned for, {name}"
    return ModelError(rule, got=f"{source.location} has {difference}", remedy="name that model with `model`")


def _difference(identity: Identity, source: ModelSource, tokenizer: Any) -> str | None:
    if weights_digest(source) != identity.weights:
        return "other weights"
    with load_errors_explained(source):
        now = load_config(source)
        # The installed transformers fills in both, so that new defaults make no difference.
        then = type(now).from_dict(identity.config).to_dict() | {"model_type": identity.config.get("model_type")}
        found = now.to_dict()
        keys = sorted(key for key in then.keys() | found.keys() if then.get(key) != found.get(key))
        named = next((key for key in keys if key not in _IGNORED), None)
        if named is not None:
            return f"{named} {found.get(named)!r} in its config.json, which was {then.get(named)!r}"
        return None if tokens_digest(tokenizer) == identity.tokens else "a tokenizer that cuts texts otherwise"
