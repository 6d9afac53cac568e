"""Two studies side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zostudy.spec.wording import shown

CHANGES_NO_RESULT = ("replicas",)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Returns one line for each key that differs between two resolved studies, such as ``seed: 0 -> 1``.

    Methods are compared by label. ``replicas`` is not compared: their number changes no result.
    """
    before, after = _leaves(old), _leaves(new)
    keys = [key for key in {**before, **after} if key not in CHANGES_NO_RESULT]
    return [
        f"{key}: {shown(before.get(key))} -> {shown(after.get(key))}"
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _leaves(study: Mapping[str, Any]) -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in study.items():
        if key == "methods":
            value = {f"{label}": options for entry in value for label, options in _labelled(entry).items()}
            leaves |= {f"{key}.{label}": options for label, options in value.items()}
        elif isinstance(value, Mapping):
            leaves |= {f"{key}.{rest}": leaf for rest, leaf in _leaves(value).items()}
        else:
            leaves[key] = value
    return leaves


def _labelled(entry: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return {entry: {}} if isinstance(entry, str) else entry
