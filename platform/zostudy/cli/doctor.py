"""``zostudy doctor``: is this machine fit for studies, and what to do where it is not."""

from __future__ import annotations

from typing import Annotated

import typer

from zostudy.cli.parameters import RESULTS_VARIABLE
from zostudy.console.progress import progress
from zostudy.printing import print_lines

UNFIT = 1


def doctor_command(
    results: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            envvar=RESULTS_VARIABLE,
            help="Where studies would write their results; also s3:// or gs://.",
        ),
    ] = "results",
) -> None:
    """Check this machine: packages, processor, memory, disk, Ray, token, hub, and a probe of a model."""
    with progress("loading torch and Ray"):
        from zostudy.bench.doctor import checks

    worst = 0
    for check in checks(results):
        remedy = f"; {check.remedy}" if check.remedy else ""
        print_lines(f"{check.level:<7}  {check.subject:<15}  {check.found}{remedy}")
        worst = max(worst, check.level == "error")
    if worst:
        raise typer.Exit(UNFIT)
