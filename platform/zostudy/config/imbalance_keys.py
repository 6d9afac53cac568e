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
"""Settings that a search may vary, and that an entry of ``methods`` may set for itself alone."""
KEYS = tuple(PREFIX + name for name in SETTINGS)


def with_prefix(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings by their keys among options, ``imbalance.<setting>``."""
    return {PREFIX + name: value for name, value in settings.items()}


def without_prefix(named: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the imbalance settings among options, by their names without ``imbalance.``."""
    return {key.removeprefix(PREFIX): value for key, value in named.items() if str(key).startswith(PREFIX)}
