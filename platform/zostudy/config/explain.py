"""Rewords pydantic's errors as rule, value and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from zostudy.config.field_types import Section
from zostudy.config.problems import Problem
from zostudy.config.study import StudySpec
from zostudy.document import KeyPath
from zostudy.wording import nearest, suggestion
from zostudy.yaml_text import inline_yaml

_RULES = {
    "missing": "is required",
    "extra_forbidden": "is not a known key",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "too_short": "must hold at least {min_length}",
    "tuple_type": "must be a list",
    "dict_type": "must be keys with values",
    "model_type": "must be keys with values",
    "rule": "{rule}",
}


def explain(error: ValidationError, data: dict[str, Any]) -> Iterator[Problem]:
    """Yields one problem for each key that pydantic refused in a study's plain data.

    Where pydantic refuses a list and an entry in it, or several branches of a union, only the innermost is shown.
    """
    refused: dict[KeyPath, ErrorDetails] = {}
    for details in error.errors(include_url=False):
        refused.setdefault(_path(details, data), details)
    for path, details in refused.items():
        if not any(other != path and other[: len(path)] == path for other in refused):
            yield _problem(details, path)


def rule_text(details: ErrorDetails) -> str:
    """Returns the rule that a value broke, such as ``must be at least 1``."""
    context = dict(details.get("ctx", {}))
    if "expected" in context:
        context["expected"] = re.sub(r"'([^']*)'", r"\1", context["expected"])
    if isinstance(most := context.get("le"), float):
        context["le"] = f"{most:.15g}"  # a whole number without .0
    rule = _RULES.get(details["type"])
    return rule.format(**context) if rule else details["msg"].replace("Input should", "must")


def value_remedy(details: ErrorDetails, example: str) -> str:
    """Returns what to write in place of a refused value."""
    if details["type"] == "rule":
        return str(details["ctx"]["remedy"])
    if details["type"] == "string_type" and isinstance(details["input"], bool | int | float):
        return f'quote it: "{inline_yaml(details["input"])}"'
    otherwise = f"write {example}, for example"
    if details["type"] == "literal_error" and isinstance(details["input"], str):
        return suggestion(details["input"], re.findall(r"'([^']*)'", details["ctx"]["expected"]), otherwise)
    return otherwise


def _path(details: ErrorDetails, data: dict[str, Any]) -> KeyPath:
    """Returns the key that is meant: pydantic's location without the names of the branches it tried."""
    path: KeyPath = ()
    node: Any = data
    for part in details["loc"]:
        in_mapping = isinstance(node, dict) and part in node
        if in_mapping or (isinstance(node, list) and isinstance(part, int)):
            node = node[part]
        elif details["type"] != "missing" or part != details["loc"][-1]:
            continue
        path = (*path, part)
    return path


def _problem(details: ErrorDetails, path: KeyPath) -> Problem:
    sections, name, field = _declared(details["loc"])
    if details["type"] == "extra_forbidden":
        known = [key for section in sections for key in section.model_fields]
        remedy = suggestion(path[-1], known, f"the keys here are {', '.join(known)}")
        return Problem(path, rule_text(details), path[-1], _elsewhere(path, known) or remedy)
    if details["type"] == "missing":
        return Problem(path, rule_text(details), None, f"write {name}: {_example(field)}, for example")
    rule = rule_text(details)
    if details["type"] not in ("rule", "greater_than_equal", "too_short"):
        rule = _own_rule(field) or rule
    return Problem(path, rule, details["input"], value_remedy(details, f"{name}: {_example(field)}"))


def _elsewhere(path: KeyPath, known: list[str]) -> str:
    """Returns where a key belongs that is known, but not here; empty for any other key."""
    *above, key = path
    if len(above) > 1:
        return ""
    places = [
        f"{name}.{key}"
        for name, field in StudySpec.model_fields.items()
        for section in _sections(field.annotation)
        if section is field.annotation and key in section.model_fields  # methods are a list
    ]
    places += [f"{key} at the top level"] if key in StudySpec.model_fields else []
    slip = nearest(str(key), known, least=0.85)
    meant = places if slip is None else [slip, *places]
    return f"did you mean {' or '.join(meant)}?" if places else ""


def _own_rule(field: FieldInfo | None) -> str | None:
    """Returns the rule that the field states in its own words; see ``field_types.key``."""
    extra = field.json_schema_extra if field else None
    return str(extra["rule"]) if isinstance(extra, dict) else None


def _declared(location: tuple[str | int, ...]) -> tuple[list[type[Section]], str, FieldInfo | None]:
    """Returns the sections whose keys would fit at the end of a location, and the last field on the way."""
    sections: list[type[Section]] = [StudySpec]
    name = ""
    field: FieldInfo | None = None
    for part in location:
        branch = [section for section in sections if section.__name__ == part]
        fields = [section.model_fields[str(part)] for section in sections if part in section.model_fields]
        if branch:
            sections = branch
        elif fields:
            name, field, sections = str(part), fields[0], _sections(fields[0].annotation)
    return sections, name, field


def _sections(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]


def _example(field: FieldInfo | None) -> str:
    if field is None:
        return "..."
    if isinstance(field.default, bool | int | float | str):
        return inline_yaml(field.default)
    return str(field.examples[0]) if field.examples else "..."
