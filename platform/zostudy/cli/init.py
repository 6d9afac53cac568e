"""``zostudy init``: a commented study for somebody's data."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.parameters import (
    DataArgument,
    LabelOption,
    SecondTextOption,
    SetOption,
    TemplateOption,
    TextOption,
    local_path,
)
from zostudy.console.progress import progress
from zostudy.printing import print_lines


def init_command(
    data: DataArgument,
    output: Annotated[
        str,
        typer.Option("--output", "-o", "--to", metavar="FILE", help="The study file to write, which must not exist."),
    ] = "study.yaml",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The model; else minilm where installed, or mini-roberta.", show_default=False
        ),
    ] = None,
    text: TextOption = None,
    second_text: SecondTextOption = None,
    label: LabelOption = None,
    template: TemplateOption = None,
    set_: SetOption = None,
) -> None:
    """Write a commented study for a data file, which runs as it stands; on a terminal, ask what is not given."""
    from zostudy.inspection.init_study import check_new, default_model, init_study

    target = local_path(output)
    check_new(target)
    if on_terminal():
        text, label = _asked_columns(data, text, second_text, label)
        model = model or typer.prompt("model", default=default_model())
    with progress(f"reading {data.name}"):
        init_study(data, target, model, text, second_text, label, template, set_ or ())
    print_lines(f"study: {target}", f"next:  zostudy run {shlex.quote(str(target))} --dry-run")


def on_terminal() -> bool:
    """Returns whether somebody can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _asked_columns(data: Path, text: str | None, second_text: str | None, label: str | None) -> tuple[str, str]:
    """Returns text and label column; asks for those that are not given, with the guess as default."""
    from zostudy.inspection.inspecting import guessed_columns

    guess = guessed_columns(data, text, second_text, label)
    return (
        text or typer.prompt("text column", default=guess.text),
        label or typer.prompt("label column", default=guess.label),
    )
