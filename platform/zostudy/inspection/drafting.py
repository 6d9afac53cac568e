"""Drafts a study for inspected data: the keys that a user may want to change, and its text with comments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from zostudy.config.imbalance import ImbalanceSpec
from zostudy.config.known import SCHEMA_FILE
from zostudy.config.search import BudgetSpec, SearchSpec
from zostudy.config.study import StudySpec
from zostudy.inspection.facts import Inspection, ModelFacts
from zostudy.inspection.sizing import PROMPT_TOKENS, FittedSize
from zostudy.ratios import ALL, NATURAL
from zostudy.wording import printable
from zostudy.yaml_text import inline_yaml

WIDTH = 110


def draft(inspection: Inspection, model: ModelFacts, fitted: FittedSize) -> dict[str, Any]:
    """Returns the study as plain data. A label word is empty if the model has no word for a class."""
    return {
        "name": inspection.task.name,
        "model": _model(model, fitted),
        "task": _task(inspection, model, fitted),
        "imbalance": {
            "ratios": [NATURAL],
            "minority_size": ALL,
            "dev_minority_size": fitted.dev_minority_size,
            **_defaults(ImbalanceSpec, "sampler"),
        },
        "methods": list(fitted.size.methods),
        "budget": _defaults(BudgetSpec, "queries", "evaluations") | {"batch_size": fitted.batch_size},
        "search": _defaults(SearchSpec, "trials"),
        "confirm": {"seeds": fitted.size.seeds, "landscape": fitted.size.landscape},
        **_defaults(StudySpec, "seed"),
    }


def _defaults(section: Any, *keys: str) -> dict[str, Any]:
    return {key: section.model_fields[key].default for key in keys}


def _model(model: ModelFacts, fitted: FittedSize) -> dict[str, Any]:
    longest = {} if fitted.text_tokens is None else {"max_length": fitted.text_tokens + PROMPT_TOKENS}
    return {"name": model.name, "prompt_tokens": PROMPT_TOKENS, **longest}


def _task(inspection: Inspection, model: ModelFacts, fitted: FittedSize) -> dict[str, Any]:
    task, wording = inspection.task, model.draft.wording
    rare = [each.name for each in inspection.classes if each.rare]
    splits = {} if task.splits is None else {"splits": task.splits.model_dump(mode="json", exclude_none=True)}
    return {
        "name": task.name,
        "file": task.file,
        "text": task.text,
        **({} if task.second_text is None else {"second_text": task.second_text}),
        "label": task.label,
        **splits,
        **({} if fitted.test_rows is None else {"test_rows": fitted.test_rows}),
        "template": wording.template.source,
        "label_words": list(wording.label_words),
        "minority": rare[0] if len(inspection.classes) == 2 else rare,
        "truncate": model.too_long > 0 or fitted.text_tokens is not None,
    }


def commented_study(study: Mapping[str, Any], opening: Sequence[str]) -> str:
    """Returns the text of a study file, in which the meaning of each key stands above it as a comment.

    The first line names the installed schema for editors. The lines of ``opening`` follow, as comments.
    """
    lines = [f"# yaml-language-server: $schema={SCHEMA_FILE.as_uri()}"]
    lines += [line for text in opening for line in _comment(printable(text), "")]
    for name, value in study.items():
        lines += ["", *_key(name, value, StudySpec.model_fields[name])]
    return "\n".join(lines) + "\n"


def _key(name: str, value: Any, field: FieldInfo) -> Iterator[str]:
    """Yields the lines of a key, or of a section and its keys, each with its comment."""
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
