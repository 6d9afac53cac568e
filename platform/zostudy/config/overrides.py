"""Applies overrides such as ``search.trials=2``, which set any key of a study (``--set`` on the command line)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from zostudy.config.distributions import Choice, Range
from zostudy.document import Document, KeyPath, Location, key_text, parse_yaml
from zostudy.errors import SpecError
from zostudy.wording import clipped, shown, suggestion

_METHODS: KeyPath = ("methods",)
_SPACE: KeyPath = ("search", "space")
_BOUNDS = (*Choice.model_fields, *Range.model_fields)


def override(document: Document, settings: Sequence[str]) -> Document:
    """Returns the document with the settings applied in order.

    A setting is ``key=value``, the value YAML and the key dotted. Entries of ``methods`` are named by label
    (``methods.zosa.sharpness_radius``), those of other lists by number from 0 (``imbalance.ratios.0``); keys of
    ``search.space`` may hold dots themselves (``search.space.imbalance.sampler``).

    Raises:
        SpecError: the settings are no list of texts, or a setting has no ``=``, a value that is not YAML, or a key that
            leads nowhere.
    """
    if not isinstance(settings, list | tuple) or not all(isinstance(setting, str) for setting in settings):
        rule, remedy = "must be a list of texts", 'write ["search.trials=2"], for example'
        raise SpecError(rule, got=f"got {shown(settings)}", remedy=remedy, about="`overrides`")
    data, locations = copy.deepcopy(document.data), dict(document.locations)
    for setting in settings:
        location = Location(0, f"`overrides` {clipped(setting)}")
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            remedy = "write search.trials=2, for example"
            raise SpecError("must be key=value", remedy=remedy, about=str(location))
        path = _locate(data, key.split("."), location)
        value, inner = parse_yaml(text, lambda line, location=location: location, path)  # type: ignore[misc]
        _assign(data, path, value)
        locations = {old: location for old, location in locations.items() if old[: len(path)] != path}
        for length in range(1, len(path)):
            locations.setdefault(path[:length], location)
        locations |= inner
    return Document(data, locations)


def _locate(data: dict[str, Any], parts: Sequence[str], location: Location) -> KeyPath:
    """Returns the path of a dotted key in the data; its last steps need not exist yet."""
    node: Any = data
    path: KeyPath = ()
    while parts:
        steps, parts = _step(node, path, parts, location)
        for step in steps:
            node = _child(node, step)
        path = (*path, *steps)
    return path


def _step(node: Any, path: KeyPath, parts: Sequence[str], location: Location) -> tuple[KeyPath, Sequence[str]]:
    """Returns the next steps of the path and the parts of the key that are left."""
    if path == _METHODS and isinstance(node, list):
        index = _index(node, path, parts[0], location, [_label(entry) for entry in node])
        whole_entry = parts[0].isdecimal() and len(parts) == 1
        return (index,) if whole_entry else (index, _label(node[index])), parts[1:]
    if isinstance(node, list):
        return (_index(node, path, parts[0], location, []),), parts[1:]
    if node is None or isinstance(node, dict):
        count = _key_length(node or {}, path, parts)
        return (".".join(parts[:count]),), parts[count:]
    key = key_text(path)
    about = f"{location}: {key}"
    raise SpecError("must be keys with values", got=f"got {shown(node)}", remedy=f"set {key} itself", about=about)


def _key_length(node: dict[str, Any], path: KeyPath, parts: Sequence[str]) -> int:
    """Returns how many parts make the key: those of the longest key there, else what a new key would take."""
    for count in range(len(parts), 0, -1):
        if ".".join(parts[:count]) in node:
            return count
    if path != _SPACE:
        return 1
    return len(parts) - 1 if len(parts) > 1 and parts[-1] in _BOUNDS else len(parts)


def _index(node: list[Any], path: KeyPath, part: str, location: Location, labels: list[str]) -> int:
    if part in labels:
        return labels.index(part)
    if part in map(str, range(len(node))):
        return int(part)
    known = ", ".join(labels) or f"0 to {len(node) - 1}"
    remedy = suggestion(part, labels, "name one of these, or set the list whole")
    about = f"{location}: {key_text(path)}"
    raise SpecError(f"must be an entry out of {known}", got=f"got {clipped(part)}", remedy=remedy, about=about)


def _label(entry: Any) -> str:
    return str(next(iter(entry), "")) if isinstance(entry, dict) else str(entry)


def _child(node: Any, step: str | int) -> Any:
    """Returns the value at a step, or None; a method given by name alone has no options."""
    if isinstance(node, dict) and step in node:
        return node[str(step)]
    if isinstance(node, list) and isinstance(step, int):
        return node[step]
    return None


def _assign(data: dict[str, Any], path: KeyPath, value: Any) -> None:
    node: Any = data
    for step in path[:-1]:
        child = _child(node, step)
        if not isinstance(child, dict | list):
            node[step] = child = {}
        node = child
    node[path[-1]] = value
