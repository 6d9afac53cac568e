"""Describes the keys of a study file, for ``zostudy keys``, from the JSON schema of ``StudySpec``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zostudy.config.study import StudySpec
from zostudy.errors import SpecError
from zostudy.methods import ImbalanceSettings, LogRange, OneOf, describe_options, get_method, method_names
from zostudy.methods.option_notes import OptionDescription, unused_options
from zostudy.methods.options import MethodOptions
from zostudy.wording import suggestion
from zostudy.yaml_text import inline_yaml

_TYPES = {"integer": "int", "number": "number", "string": "text", "boolean": "true | false", "null": "null"}
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<="}
_NO_BOUNDS = (2**31 - 1, 2**63 - 1)  # which every whole number has

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class KeyDescription:
    """A key as ``zostudy keys`` shows it.

    Attributes:
        key: dotted, such as ``model.name`` or ``methods.zosa.direction``.
        type: such as ``int >= 1`` or ``step | exponential``.
        default: None where the key is required or its default is null.
        example: the key and a value, as ``--set`` takes them.
        meaning: one sentence, and the key's default search space if it has one.
    """

    key: str
    type: str
    default: Any
    example: str
    meaning: str


def describe_keys(key: str | None = None) -> list[KeyDescription]:
    """Returns the keys of a study file; the options of the methods only where the key begins with ``methods``.

    Args:
        key: a key or the beginning of several, such as ``search.trials``, ``model`` or ``methods.zosa``; or a word in
            some keys, such as ``learning_rate`` or ``zosa``.

    Raises:
        SpecError: there is no such key.
    """
    schema = StudySpec.model_json_schema()
    keys = list(_keys(schema, schema["$defs"], ""))
    if key is None:
        return keys
    keys += _option_keys()
    found = [each for each in keys if f"{each.key}.".startswith(f"{key}.")]
    found = found or [each for each in keys if f".{key}." in f".{each.key}."]
    if not found:
        parents = {each.key.rpartition(".")[0] for each in keys} - {""}
        known = [*(each.key for each in keys), *sorted(parents)]
        remedy = suggestion(key, known, "zostudy keys lists them")
        raise SpecError("must be a key of a study file", got=f"got {key!r}", remedy=remedy, about="`key`")
    return found


def _keys(section: Schema, sections: Schema, prefix: str) -> Iterator[KeyDescription]:
    searched = {f"imbalance.{option.name}": option.space for option in describe_options(ImbalanceSettings)}
    for name, field in section["properties"].items():
        inner = _section(field, sections)
        if inner is None:
            type_text = "list of methods" if prefix + name == "methods" else _type_text(field, sections)
            meaning = _meaning(field["description"], searched.get(prefix + name))
            example = f"{prefix}{name}={inline_yaml(field['examples'][0])}"
            yield KeyDescription(prefix + name, type_text, field.get("default"), example, meaning)
        else:
            yield from _keys(inner, sections, f"{prefix}{name}.")


def _option_keys() -> Iterator[KeyDescription]:
    for name in method_names():
        method = get_method(name)
        for option in describe_options(method.Options):
            meaning = _meaning(option.doc, option.space if method.spends_queries else None)
            example = _option_example(name, method.Options, option)
            yield KeyDescription(f"methods.{name}.{option.name}", option.type, option.default, example, meaning)


def _option_example(method: str, options: type[MethodOptions], option: OptionDescription) -> str:
    """Returns a method with the option at its default, and with the other option that gives it an effect."""
    needs = unused_options(options, {}).get(option.name)
    beside = f"{needs.option}: {needs.values[0]}, " if needs else ""
    return f"methods=[{{{method}: {{{beside}{option.name}: {inline_yaml(option.default)}}}}}]"


def _meaning(text: str, space: LogRange | OneOf | None) -> str:
    return text if space is None else f"{text}; searched by default: {space}"


def _section(field: Schema, sections: Schema) -> Schema | None:
    """Returns the section that a key holds, or None where it holds a value."""
    for branch in (field, *field.get("anyOf", ())):
        if "$ref" in branch:
            section: Schema = sections[branch["$ref"].rpartition("/")[2]]
            return section if "properties" in section else None
    return None


def _type_text(field: Schema, sections: Schema) -> str:
    if "enum" in field or "const" in field:
        return " | ".join(map(str, field.get("enum", [field.get("const")])))
    if "anyOf" in field:
        return " | ".join(dict.fromkeys(_type_text(branch, sections) for branch in field["anyOf"]))
    if field.get("type") == "array":
        return f"list of {_type_text(field['items'], sections)}"
    if field.get("type") == "object":
        section = _section(field["additionalProperties"], sections)
        return "option: choice or range" if section is None else f"name: {{{', '.join(section['properties'])}}}"
    bounds = [
        f"{sign} {field[bound]:g}" for bound, sign in _BOUNDS.items() if field.get(bound) not in (None, *_NO_BOUNDS)
    ]
    return " ".join([_TYPES[field["type"]], *bounds])
