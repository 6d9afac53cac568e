"""``zostudy inspect``: what is in somebody's data, on one screen."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.parameters import (
    DataArgument,
    FormatOption,
    LabelOption,
    SecondTextOption,
    TemplateOption,
    TextOption,
    TrustOption,
)
from zostudy.console.progress import progress
from zostudy.printing import print_lines, print_text


def inspect_command(
    data: DataArgument,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show tokens and label words of this model.", show_default=False),
    ] = None,
    text: TextOption = None,
    second_text: SecondTextOption = None,
    label: LabelOption = None,
    template: TemplateOption = None,
    trust_remote_code: TrustOption = False,
    format: FormatOption = Format.TABLE,
) -> None:
    """Show what is in a data file: columns, classes, lengths, repeats, and a model's label words."""
    from zostudy.inspection.inspecting import inspect
    from zostudy.inspection.tables import classes_table, columns_table, fact_lines

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
        print_lines("", *fact_lines(found), "", f"next: zostudy init {_argument(data)}")


def _argument(data: Path) -> str:
    import shlex

    return shlex.quote(str(data))
