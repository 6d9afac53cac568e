"""A job followed to its end, from whichever verb."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Annotated

import typer

from zostudy.console.interrupts import INTERRUPTED, end_interrupted_line
from zostudy.errors import ZostudyError
from zostudy.printing import print_text

if TYPE_CHECKING:
    from zostudy.cluster.head_node import HeadNode

_log = logging.getLogger(__name__)

LOST = 1

AddressOption = Annotated[
    str, typer.Option(metavar="URL", help="The dashboard of the cluster's head, such as http://HEAD:8265.")
]
JobArgument = Annotated[str, typer.Argument(metavar="ID", help="The job, as zostudy submit and zostudy jobs name it.")]


def open_head(address: str) -> HeadNode:
    """Returns the head at an address; a wait is logged."""
    from zostudy.cluster.head_node import HeadNode

    return HeadNode(address)


def follow_job(head: HeadNode, job_id: str) -> None:
    """Prints what a job prints, until it has ended, and leaves with the study's exit code.

    Raises:
        typer.Exit: 0, 1, 2 as ``zostudy run``; 130 where the job was stopped, or following it was interrupted.
    """
    from zostudy.cluster.jobs import find_job, follow_log

    try:
        for text in follow_log(head, job_id):
            show_log(text)
        job = find_job(head, job_id)
    except KeyboardInterrupt:
        end_interrupted_line()
        _log_lines(f"{job_id} goes on", *ways_on(head, job_id))
        raise typer.Exit(INTERRUPTED) from None
    except ZostudyError as error:
        _log.error("%s", error)
        _log_lines(f"lost sight of {job_id}", *ways_on(head, job_id))
        raise typer.Exit(LOST) from None
    if job.status != "succeeded":
        how = " ".join(job.message.split())[:300].rstrip(".") if job.exit_code is None else f"exit code {job.exit_code}"
        _log.info("%s: %s (%s); submit the study again to go on", job.status, job.id, how)
    raise typer.Exit(job.outcome)


def show_log(text: str) -> None:
    """Prints a part of a job's log, without the colours that Ray may give it."""
    print_text(re.sub(r"\x1b\[[0-9;]*m", "", text))


def ways_on(head: HeadNode, job_id: str) -> tuple[str, str]:
    """Returns the commands to look after a job."""
    where = f"--address {head.address}"
    return f"look: zostudy logs {job_id} --follow {where}", f"stop: zostudy stop {job_id} {where}"


def _log_lines(*lines: str) -> None:
    for line in lines:
        _log.info("%s", line)
