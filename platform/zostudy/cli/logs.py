"""``zostudy logs``: what a submitted study has printed."""

from __future__ import annotations

from typing import Annotated

import typer

from zostudy.cli.following import AddressOption, JobArgument, follow_job, open_head, show_log


def logs_command(
    job: JobArgument,
    address: AddressOption,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the study has ended.")] = False,
) -> None:
    """Print what a submitted study has printed so far."""
    from zostudy.cluster.jobs import find_job, read_log

    head = open_head(address)
    found = find_job(head, job)
    if follow:
        follow_job(head, found.id)
    show_log(read_log(head, found.id))
