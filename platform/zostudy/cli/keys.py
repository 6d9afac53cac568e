"""``zostudy keys``: the keys of a study file, and their JSON schema for editors."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from zostudy.cli.catalogue import FormatOption
from zostudy.cli.formats import Format, show
from zostudy.printing import print_text


def keys_command(
    key: Annotated[
        str | None, typer.Argument(help="A key or section, such as model, search.trials or methods.zosa.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of a study file instead.")] = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """Explain the keys of a study file: type, default and meaning."""
    from zostudy.config.keys import describe_keys
    from zostudy.config.study import StudySpec

    if schema:
        print_text(json.dumps(StudySpec.model_json_schema(), indent=2, ensure_ascii=False) + "\n")
        return
    show([asdict(each) for each in describe_keys(key)], format)
