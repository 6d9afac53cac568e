"""Arguments and options that several verbs take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.formats import Format


class Device(StrEnum):
    """Where the model is computed."""

    CPU = "cpu"
    CUDA = "cuda"


def local_path(text: str) -> Path:
    """Returns the path on this machine that an argument or option gives.

    Raises:
        typer.BadParameter: it is empty, or a URI, of which nothing is shown: it may hold a secret.
    """
    from zostudy.results.uris import is_uri

    if not text.strip():
        raise typer.BadParameter("must be a path, but is empty")
    if is_uri(text):
        raise typer.BadParameter("must be a path on this machine, but is like a URI")
    return Path(text)


StudyArgument = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY", parser=local_path, help="The study file (YAML), or a shipped study such as quickstart."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key of the study, such as search.trials=2; may be repeated."
    ),
]
StudyResultsArgument = Annotated[
    str, typer.Argument(metavar="DIR", help="The results folder of one study, or its s3:// or gs:// URI.")
]
ResultsArgument = Annotated[
    list[str],
    typer.Argument(metavar="DIR", help="Results folders of studies, or a folder that holds some; also s3:// or gs://."),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(metavar="METHOD", help="Test every other method against this one.", show_default=False),
]
FormatOption = Annotated[Format, typer.Option(help="How to print the result.")]
TrustOption = Annotated[
    bool,
    typer.Option("--trust-remote-code", help="Run Python files that come with the model, with all your rights."),
]
RESULTS_VARIABLE = "ZOSTUDY_RESULTS"
AddressOption = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar="ZOSTUDY_ADDRESS",
        help="The dashboard of the cluster's head node, such as http://HEAD:8265.",
    ),
]
JobArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The job's id, as zostudy jobs names it, or a beginning that it alone has.")
]
DataArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", parser=local_path, help="Texts and labels: CSV, TSV, JSON (array or lines), Parquet."
    ),
]
TextOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The text column; else it is guessed.", show_default=False)
]
SecondTextOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The second text column of a pair task.", show_default=False)
]
LabelOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The label column; else it is guessed.", show_default=False)
]
TemplateOption = Annotated[
    str | None,
    typer.Option(metavar="WORDS", help="The words around {text} and {mask}; else a ready one.", show_default=False),
]
