"""``imbalance.<setting>``: how ``methods``, ``search.space`` and ``params`` name a setting of the imbalance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from zostudy.methods import ImbalanceSettings

SECTION = "imbalance"
"""The section of a study file that holds the settings."""
PREFIX = f"{SECTION}."
SETTINGS = tuple(field.name for field in fields(ImbalanceSettings))
"""Those that a search may vary and an entry of ``methods`` may have for itself."""
KEYS = tuple(PREFIX + name for name in SETTINGS)


def with_prefix(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings by the names that they have among options."""
    return {PREFIX + name: value for name, value in settings.items()}


def without_prefix(named: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings among options, by their own names."""
    return {key.removeprefix(PREFIX): value for key, value in named.items() if str(key).startswith(PREFIX)}
