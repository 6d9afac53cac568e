"""The keys of a study file that several rooms read: entries of ``methods``, searched keys, imbalance settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

SECTION = "imbalance"
"""The section of a study file that holds the imbalance settings; in ``methods``, ``search.space`` and ``params`` one is
named ``imbalance.<setting>``."""
PREFIX = f"{SECTION}."
WORDING = "task.wording"


def imbalance_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns imbalance settings by their keys among options, ``imbalance.<setting>``."""
    return {PREFIX + name: value for name, value in settings.items()}


def imbalance_among(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the imbalance settings among options, by their own names."""
    return {key.removeprefix(PREFIX): value for key, value in options.items() if str(key).startswith(PREFIX)}


def options_by_label(methods: Any) -> dict[str, Any]:
    """Returns the options of each entry of ``methods``, by its label; a name alone has none."""
    entries = methods if isinstance(methods, list | tuple) else ()
    labelled = (entry.items() if isinstance(entry, Mapping) else [(entry, {})] for entry in entries)
    return {str(label): options for items in labelled for label, options in items}


def searched_keys(space: Collection[str], label: str, free: Collection[str]) -> dict[str, str]:
    """Returns the keys of ``search.space`` that apply to one method, by the names that a trial's settings have.

    Args:
        space: ``option``, ``label.option`` (which replaces ``option``), ``imbalance.setting``, or ``task.wording``.
        label: the method's.
        free: the options that the method has and leaves open, and ``imbalance.setting`` likewise.
    """
    keys: dict[str, str] = {}
    for key in space:
        owner, _, option = key.rpartition(".")
        own_key = f"{label}.{option}"
        if key == WORDING or (owner == SECTION and key in free):
            keys[key] = key
        elif option in free and (key == own_key or (not owner and own_key not in space)):
            keys[option] = key
    return keys
