"""The weights that a file holds against the model that ``config.json`` describes: nothing may be missing or left over.

transformers draws missing weights at random, differently in every process, and drops those that are left over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from zostudy.errors import ModelError
from zostudy.lm.architecture import is_quantised
from zostudy.lm.sources import ModelSource

# Encoders compute it, and no head of ours reads it.
_NEVER_READ = "pooler."
_NAMED = 3
_FAR_LARGER = 8
_MANY_LAYERS = 1000
_FLOATING = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_DESCRIBED = "weights must be all those that config.json describes"
_RULE = f"{_DESCRIBED}, and no others"
_MEND = "mend config.json, or save the whole model again with save_pretrained(folder)"


def check_fit(source: ModelSource, model: Any, report: Mapping[str, Any], held: Mapping[str, Tensor]) -> None:
    """Checks that every number of a loaded model came out of its files, which hold the tensors ``held``.

    The report is that of transformers' ``from_pretrained``: missing, unexpected and mismatched keys.

    Raises:
        ModelError: tensors are missing, left over, of another shape, no floating-point numbers or not finite.
    """
    missing: set[str] = set(report["missing_keys"])
    if source.head == "encoder":
        missing = {name for name in missing if not _bare(model, name).startswith(_NEVER_READ)}
    unexpected = _unexpected(model, report["unexpected_keys"])
    faults = [
        *_mismatched(report["mismatched_keys"]),
        *([f"lacks {_named(missing)}"] if missing else []),
        *([f"holds {_named(unexpected)} that the model has no place for"] if unexpected else []),
    ]
    if faults:
        lacks_head = missing and not any(name.startswith(f"{model.base_model_prefix}.") for name in missing)
        remedy = _MEND
        if len(faults) == 1 and lacks_head and source.head != "encoder":
            remedy = f"take a checkpoint that was saved with its {source.head} head, or set model.head to encoder"
        raise ModelError(_RULE, got=f"{source.location} {' and '.join(faults)}", remedy=remedy)
    if not is_quantised(model.config):  # whose numbers are codes
        _check_numbers(source, model, held)


def check_layers(source: ModelSource, config: Any, held: Collection[str]) -> None:
    """Checks that a model has no absurd number of layers, before minutes are spent on laying them out.

    Raises:
        ModelError: ``config.json`` describes very many layers, and more than the files hold tensors.
    """
    n_layers = getattr(config.get_text_config(), "num_hidden_layers", 0)
    if isinstance(n_layers, int) and n_layers > max(_MANY_LAYERS, len(held)):
        got = f"it describes {n_layers:,} layers and {source.location} holds {len(held):,} tensors"
        raise ModelError(_DESCRIBED, got=got, remedy=_MEND)


def check_size(source: ModelSource, blank: Any, held: Mapping[str, Tensor]) -> None:
    """Checks that a model on the meta device is not far larger than its files, before memory is taken for it.

    Raises:
        ModelError: ``config.json`` describes several times the numbers that the files hold.
    """
    described, there = (sum(t.numel() for t in tensors) for tensors in (blank.parameters(), held.values()))
    if not is_quantised(blank.config) and described > _FAR_LARGER * there:
        got = f"it describes {described:,} numbers and {source.location} holds {there:,}"
        raise ModelError(_DESCRIBED, got=got, remedy=_MEND)


def _unexpected(model: Any, names: Collection[str]) -> set[str]:
    """Returns the tensors that are not of another head of the same family, such as next-sentence prediction."""
    known = {_bare(model, name) for other in _family(model.config) for name in other.state_dict()} if names else set()
    return {name for name in names if _bare(model, name) not in known}


def _family(config: Any) -> Iterator[Any]:
    """Yields the models that transformers makes of a configuration, one a task, without memory for their weights."""
    import transformers

    for task in ("PreTraining", "MaskedLM", "CausalLM", "SequenceClassification", "TokenClassification",
                 "QuestionAnswering", "MultipleChoice", "NextSentencePrediction"):  # fmt: skip
        auto_class = getattr(transformers, f"AutoModelFor{task}")
        try:
            with torch.device("meta"):
                yield auto_class.from_config(config)
        except Exception:
            continue  # the family has no model for that task


def _bare(model: Any, name: str) -> str:
    return name.removeprefix(f"{model.base_model_prefix}.")


def _mismatched(keys: Collection[tuple[str, Any, Any]]) -> Iterator[str]:
    if keys:
        name, in_file, by_config = min(keys)
        others = f", and {len(keys) - 1} more of other shapes" if len(keys) > 1 else ""
        yield f"holds {name} as {list(in_file)} where config.json asks for {list(by_config)}{others}"


def _named(names: Collection[str]) -> str:
    first = ", ".join(sorted(names)[:_NAMED])
    more = ", ..." if len(names) > _NAMED else ""
    return f"{len(names)} {'tensor' if len(names) == 1 else 'tensors'} ({first}{more})"


def _check_numbers(source: ModelSource, model: Any, held: Mapping[str, Tensor]) -> None:
    parameters = dict(model.named_parameters())
    bare = {_bare(model, name) for name in parameters}
    for name, tensor in held.items():
        if tensor.dtype not in _FLOATING and _bare(model, name) in bare:
            raise ModelError(
                "weights must be floating-point numbers",
                got=f"{name} in {source.location} is {str(tensor.dtype).removeprefix('torch.')}",
                remedy="save the model in float32 or bfloat16",
            )
    strange = {name for name, parameter in parameters.items() if not _is_finite(parameter)}
    if strange:
        raise ModelError(
            "weights must be finite numbers",
            got=f"{source.location} has NaN or infinity in {_named(strange)}",
            remedy="take a checkpoint from before its training diverged, or download it again",
        )


def _is_finite(parameter: Tensor) -> bool:
    if not parameter.is_floating_point() or bool(parameter.sum().isfinite()):  # far faster than looking at each
        return True
    return bool(parameter.isfinite().all())
