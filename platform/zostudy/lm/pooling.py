"""Pools the states of an encoder's tokens: as its own ``1_Pooling/config.json`` says, else by their mean."""

from __future__ import annotations

import json
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor

from zostudy.errors import ModelError
from zostudy.lm.checkpoint import find_file
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.sources import ModelSource

Pooling = Literal["mean", "mean_sqrt_len", "weightedmean", "max", "cls", "lasttoken"]

MODULES_FILE = "modules.json"
# Modules of sentence-transformers. The evaluator runs the transformer and the pooling, and a cosine normalises anyway.
_KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")


def pooled(states: Tensor, pooling: Pooling) -> Tensor:
    """Returns the state of each text, ``[..., D]``, for its tokens' states ``[..., L, D]``, without padding."""
    match pooling:
        case "mean" | "mean_sqrt_len":  # a cosine ignores their lengths; the linear probe sees the mean too
            return states.mean(dim=-2)
        case "weightedmean":
            weights = torch.arange(1, states.shape[-2] + 1, device=states.device).to(states.dtype).unsqueeze(-1)
            return torch.sum(states * weights, dim=-2) / weights.sum()
        case "max":
            return states.amax(dim=-2)
        case "cls":
            return states[..., 0, :]
        case "lasttoken":
            return states[..., -1, :]


def find_pooling(source: ModelSource, lead: int) -> Pooling:
    """Returns how an encoder, whose inputs begin with ``lead`` special tokens, pools its states.

    Raises:
        ModelError: the model has modules that the evaluator does not run, or pools in an unknown way.
    """
    with load_errors_explained(source, f"be read with its {MODULES_FILE}"):
        return _find(source, lead)


def _find(source: ModelSource, lead: int) -> Pooling:
    modules = _read_json(source, MODULES_FILE)
    if modules is None:
        return "mean"
    kinds = {str(module.get("type", "")).rpartition(".")[2]: str(module.get("path", "")) for module in modules}
    for kind in kinds:
        if kind not in _KNOWN_MODULES:
            raise ModelError(
                f"a sentence encoder must be made of {', '.join(_KNOWN_MODULES)}",
                got=f"{source.location} has {kind} in {MODULES_FILE}",
                remedy="use another encoder",
            )
    if "Pooling" not in kinds:
        return "mean"
    pooling = _pooling_of(_read_json(source, f"{kinds['Pooling']}/config.json") or {}, source)
    if pooling == "cls" and not lead:
        raise ModelError(
            f"{source.location} reads the state of the first token",
            got="its tokenizer puts none in front of a text",
            remedy="use another encoder",
        )
    return pooling


def _pooling_of(config: dict[str, Any], source: ModelSource) -> Pooling:
    """Reads the older form, with a switch for each mode, and the newer one, which names the mode."""
    switches = {
        name.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token"): bool(on)
        for name, on in config.items()
        if name.startswith("pooling_mode_")
    }
    named = config.get("pooling_mode")
    modes = [name for name, on in switches.items() if on] if named is None else [named]
    known = get_args(Pooling)
    if len(modes) == 1 and isinstance(modes[0], str) and modes[0] in known:
        return cast(Pooling, modes[0])
    raise ModelError(
        f"an encoder must pool its states in one of the ways {', '.join(known)}",
        got=f"{source.location} says {' and '.join(map(str, modes)) or 'none'} in its pooling's config.json",
        remedy="use another encoder",
    )


def _read_json(source: ModelSource, name: str) -> Any:
    """Returns a JSON file of the model, or None if the model has no such file."""
    path = find_file(source, name)
    return None if path is None else json.loads(path.read_text(encoding="utf-8"))
