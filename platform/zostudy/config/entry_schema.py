"""The part of the JSON schema that pydantic does not know: the entries of ``methods``, from the registered methods."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from zostudy.methods import ImbalanceSettings, describe_options, get_method, method_names
from zostudy.study_keys import PREFIX, imbalance_keys

SETTINGS = tuple(field.name for field in fields(ImbalanceSettings))
"""Settings that a search may vary, and that an entry of ``methods`` may set for itself alone."""
KEYS = tuple(PREFIX + name for name in SETTINGS)

_IMBALANCE = "#/$defs/ImbalanceSpec/properties"


def method_definitions() -> dict[str, Any]:
    """Returns ``MethodSpec`` and what it refers to: a definition of each method's options.

    An entry is a method's name, or a label with options. Names that are not registered here pass, because they may be
    methods of another package.
    """
    names = method_names()
    name = {"anyOf": [{"enum": names}, {"type": "string"}], "description": "a registered method"}
    by_name = [
        {"if": {"properties": {"method": {"const": each}}, "required": ["method"]}, "then": _options_of(each)}
        for each in names
    ]
    entry = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            each: {"if": {"required": ["method"]}, "then": {"$ref": "#/$defs/Labelled"}, "else": _options_of(each)}
            for each in names
        },
        "additionalProperties": {"$ref": "#/$defs/Labelled"},
    }
    return {
        "MethodSpec": {"anyOf": [name, entry]},
        "Labelled": {"type": ["object", "null"], "properties": {"method": name}, "allOf": by_name},
        **{f"{each} options": _options(each) for each in names},
    }


def _options_of(method: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{method} options"}


def _options(method: str) -> dict[str, Any]:
    """Returns the schema of a method's options, each with its meaning."""
    owner = get_method(method).Options
    schema = TypeAdapter(owner).json_schema()
    for option in describe_options(owner):
        schema["properties"][option.name]["description"] = option.doc
    if get_method(method).spends_queries:
        schema["properties"] |= imbalance_keys({name: {"$ref": f"{_IMBALANCE}/{name}"} for name in SETTINGS})
    schema["properties"].setdefault("method", {"type": "string"})
    return schema | {"type": ["object", "null"]}
