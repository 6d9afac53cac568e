"""``zostudy init``: a commented study for somebody's data."""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from zostudy.cli.parameters import (
    DataArgument,
    LabelOption,
    SecondTextOption,
    TemplateOption,
    TextOption,
    local_path,
)
from zostudy.console.progress import progress
from zostudy.printing import print_lines

_log = logging.getLogger(__name__)


def init_command(
    data: DataArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", parser=local_path, help="The study file to write.")
    ] = Path("study.yaml"),
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the study; else that of the data.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The model; else minilm if installed, else mini-roberta.", show_default=False
        ),
    ] = None,
    text: TextOption = None,
    second_text: SecondTextOption = None,
    label: LabelOption = None,
    template: TemplateOption = None,
    label_words: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="A class's label word; repeat in class order.", show_default=False),
    ] = None,
    minority: Annotated[
        list[str] | None, typer.Option(metavar="CLASS", help="A rare class; may be repeated.", show_default=False)
    ] = None,
    ratios: Annotated[
        list[str] | None,
        typer.Option(metavar="RATIO", help="An imbalance ratio, or natural; may be repeated.", show_default=False),
    ] = None,
    minority_size: Annotated[
        str | None,
        typer.Option(metavar="N", help="Training examples of a minority class, or all.", show_default=False),
    ] = None,
    methods: Annotated[
        list[str] | None, typer.Option(metavar="METHOD", help="A method; may be repeated.", show_default=False)
    ] = None,
) -> None:
    """Write a commented study for a data file, which runs as it stands; on a terminal, ask what is not given."""
    from zostudy.inspection.starting import check_new, default_model, init_study

    check_new(output)
    if on_terminal():
        text, label = _asked_columns(data, text, second_text, label)
        model = model or typer.prompt("model", default=default_model())
    with progress(f"reading {data.name}"):
        init_study(
            data,
            output,
            name=name,
            model=model,
            text=text,
            second_text=second_text,
            label=label,
            template=template,
            label_words=label_words or None,
            minority=minority or None,
            ratios=[_number(ratio) for ratio in ratios] if ratios else None,
            minority_size=None if minority_size is None else _number(minority_size),
            methods=methods or None,
        )
    print_lines(f"study: {output}", f"next:  zostudy run {shlex.quote(str(output))} --dry-run")


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


def _number(text: str) -> Any:
    """Returns a number for a text that is one, else the text, which the rules of the study file judge."""
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value
