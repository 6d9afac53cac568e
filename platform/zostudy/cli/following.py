"""A job followed to its end, from whichever verb."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from zostudy.cli.endings import INTERRUPTED
from zostudy.errors import ZostudyError

if TYPE_CHECKING:
    from zostudy.cluster.head import Head

LOST = 1

AddressOption = Annotated[
    str, typer.Option(metavar="URL", help="The dashboard of the cluster's head, such as http://HEAD:8265.")
]
JobArgument = Annotated[str, typer.Argument(metavar="ID", help="The job, as zostudy submit and zostudy jobs name it.")]


def open_head(address: str) -> Head:
    """Returns the head at an address; what takes its time there is told on standard error."""
    from zostudy.cluster.head import Head

    return Head(address, tell=lambda line: print(line, file=sys.stderr, flush=True))


def follow_job(head: Head, job_id: str) -> None:
    """Prints what a job prints, until it has ended, and leaves with the study's exit code.

    Raises:
        typer.Exit: 0, 1, 2 as ``zostudy run``; 130 where the job was stopped, or following it was interrupted.
    """
    from zostudy.cluster.jobs import find_job, follow_log

    try:
        for text in follow_log(head, job_id):
            print(text, end="", flush=True)
        job = find_job(head, job_id)
    except KeyboardInterrupt:
        print(f"\n{job_id} goes on\n{ways_on(head, job_id)}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except ZostudyError as error:
        print(f"error: {error}\nlost sight of {job_id}\n{ways_on(head, job_id)}", file=sys.stderr)
        raise typer.Exit(LOST) from None
    if job.status != "succeeded":
        how = " ".join(job.message.split())[:300].rstrip(".") if job.exit_code is None else f"exit code {job.exit_code}"
        print(f"{job.status}: {job.id} ({how}); submit the study again to go on", file=sys.stderr)
    raise typer.Exit(job.outcome)


def ways_on(head: Head, job_id: str) -> str:
    """Returns the commands to look after a job, a line each."""
    where = f"--address {head.address}"
    return f"look: zostudy logs {job_id} --follow {where}\nstop: zostudy stop {job_id} {where}"
