"""A study as YAML, each key under the meaning that ``zostudy keys`` gives it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from zostudy.config.study import StudySpec
from zostudy.document import inline_yaml
from zostudy.wording import printable

WIDTH = 110


def commented_study(study: Mapping[str, Any], opening: Sequence[str]) -> str:
    """Returns the text of a study file.

    Args:
        study: as plain data. What a section holds stands on one line a key.
        opening: lines to begin with, as comments.
    """
    lines = [line for text in opening for line in _comment(printable(text), "")]
    for name, value in study.items():
        lines += ["", *_key(name, value, StudySpec.model_fields[name])]
    return "\n".join(lines) + "\n"


def _key(name: str, value: Any, field: FieldInfo) -> Iterator[str]:
    """Yields a key of the study, or a section and its keys, each with its comment."""
    yield from _comment(str(field.description), "")
    if not isinstance(value, Mapping):
        yield f"{name}: {inline_yaml(value)}"
        return
    yield f"{name}:"
    section: Any = field.annotation
    for key, leaf in value.items():
        yield from _comment(section.model_fields[key].description, "  ")
        yield f"  {key}: {inline_yaml(leaf)}"


def _comment(text: str, indent: str) -> list[str]:
    start = f"{indent}# "
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False, break_on_hyphens=False
    )
