"""Arguments and options that several verbs take."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.formats import Format


class Device(StrEnum):
    """The device that computes the model."""

    CPU = "cpu"
    CUDA = "cuda"


def names(listed: str) -> tuple[str, ...]:
    """Returns the names of a list whose separator is a comma; blanks do not count."""
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def local_path(text: str) -> Path:
    """Returns the path of an argument or option.

    Raises:
        typer.BadParameter: the path is empty or a URI. The message does not show the URI, which may hold a secret.
    """
    from zostudy.results.uris import is_uri

    if not text.strip():
        raise typer.BadParameter("must be a path, but is empty")
    if is_uri(text):
        raise typer.BadParameter("must be a path on this machine, but is a URI")
    return Path(text)


def given_results(folders: list[str] | None) -> list[str]:
    """Returns the results folders that were given, or else the one in which ``run`` puts studies."""
    return folders or [os.environ.get(RESULTS_VARIABLE) or RESULTS_DEFAULT]


TO_FLAGS = ("--to", "--output", "-o")
"""The option that names what a verb writes."""
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
BaselineOption = Annotated[str | None, typer.Option(metavar="METHOD", help="Test every other method against this one.")]
FormatOption = Annotated[Format, typer.Option(help="How to print the result.")]
TrustOption = Annotated[
    bool,
    typer.Option("--trust-remote-code", help="Run the Python files of the model's repository with all your rights."),
]
TrialArgument = Annotated[
    str,
    typer.Argument(
        metavar="TRIAL",
        help="The name of a trial, such as zosa-r10-confirm-000 (only confirm trials can be exported). Or the confirm "
        "trial with the best dev AUC: zosa-r10 is that of a cell, best-r10 that of all methods at ratio 10, best that "
        "at the hardest ratio.",
    ),
]
RESULTS_VARIABLE = "ZOSTUDY_RESULTS"
RESULTS_DEFAULT = "results"
RESULTS_SHOWN = f"{RESULTS_VARIABLE}, or {RESULTS_DEFAULT}"
ResultsOption = Annotated[
    str,
    typer.Option(
        metavar="DIR",
        envvar=RESULTS_VARIABLE,
        help="The folder in which each study gets a folder of its own; also s3://... or gs://....",
    ),
]
ClusterOption = Annotated[
    str | None, typer.Option(metavar="ADDR", help="The Ray cluster to run on. Default: local, this machine.")
]
AddressOption = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar="ZOSTUDY_ADDRESS",
        help="The dashboard of the cluster's head node, such as http://HEAD:8265.",
    ),
]
JobArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The job's id as zostudy jobs lists it, or a prefix that no other id has.")
]
