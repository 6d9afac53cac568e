"""``zostudy inspect | init``: a first look at your own data file, and a commented study of it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.messages import flagged
from zostudy.cli.parameters import FormatOption, SetOption, TrustOption, local_path
from zostudy.console.progress import progress
from zostudy.printing import print_lines, print_text

DataArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", parser=local_path, help="Texts and labels: CSV, TSV, JSON (array or lines), Parquet."
    ),
]
TextOption = Annotated[str | None, typer.Option(metavar="COLUMN", help="The text column. Default: guessed.")]
SecondTextOption = Annotated[str | None, typer.Option(metavar="COLUMN", help="The second text column of a pair task.")]
LabelOption = Annotated[str | None, typer.Option(metavar="COLUMN", help="The label column. Default: guessed.")]
TemplateOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEMPLATE", help="The words around {text} and {mask}. Default: a template that suits the model."
    ),
]


def inspect_command(
    data: DataArgument,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show tokens and label words of this model.")
    ] = None,
    text: TextOption = None,
    second_text: SecondTextOption = None,
    label: LabelOption = None,
    template: TemplateOption = None,
    trust_remote_code: TrustOption = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """Show what is in a data file: columns, classes, lengths, repeats, and a model's label words."""
    from zostudy.inspection.facts import classes_table, columns_table, fact_lines
    from zostudy.inspection.inspecting import inspect

    with progress(f"reading {data.name}"):
        found = inspect(data, model, text, second_text, label, template, trust_remote_code)
    if format is Format.JSON:
        print_text(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n")
        return
    tables = [columns_table(found), classes_table(found)]
    if format is not Format.CSV:
        print_lines(f"{found.file}: {found.rows}", "")
    show([asdict(each) for each in found.classes], format, tables)
    if format is Format.TABLE:
        given = {"model": model, "text": text, "second-text": second_text, "label": label, "template": template}
        print_lines("", *map(flagged, fact_lines(found)), "", f"next: {_init_line(data, given)}")


def init_command(
    data: DataArgument,
    output: Annotated[
        str,
        typer.Option("--output", "-o", "--to", metavar="FILE", help="The study file to write, which must not exist."),
    ] = "study.yaml",
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model. Default: minilm if it is installed, else mini-roberta."),
    ] = None,
    text: TextOption = None,
    second_text: SecondTextOption = None,
    label: LabelOption = None,
    template: TemplateOption = None,
    set_: SetOption = None,
) -> None:
    """Write a commented study of a data file, ready to run. On a terminal, ask for columns and model not given."""
    from zostudy.inspection.init_study import check_new, default_model, init_study

    target = local_path(output)
    check_new(target)
    if on_terminal():
        text, label = _asked_columns(data, text, second_text, label)
        model = model or typer.prompt("model", default=default_model())
    with progress(f"reading {data.name}"):
        init_study(data, target, model, text, second_text, label, template, set_ or ())
    print_lines(f"study: {target}", f"next:  zostudy run {shlex.quote(str(target))} --dry-run")


def _init_line(data: Path, given: Mapping[str, str | None]) -> str:
    """Returns the command that drafts a study of what was inspected, with the flags that were given."""
    flags = [part for name, value in given.items() if value is not None for part in (f"--{name}", value)]
    return shlex.join(["zostudy", "init", str(data), *flags])


def on_terminal() -> bool:
    """Returns whether a person can answer questions: standard input and standard output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _asked_columns(data: Path, text: str | None, second_text: str | None, label: str | None) -> tuple[str, str]:
    """Returns the text and the label column; asks for each that is not given, with the guessed one as default."""
    from zostudy.inspection.inspecting import guessed_columns

    guess = guessed_columns(data, text, second_text, label)
    return (
        text or typer.prompt("text column", default=guess.text),
        label or typer.prompt("label column", default=guess.label),
    )
