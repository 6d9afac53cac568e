"""``zostudy submit | jobs | logs | stop``: studies that run unattended on a Ray cluster."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.parameters import RESULTS_VARIABLE, AddressOption, FormatOption, JobArgument, SetOption, StudyArgument
from zostudy.console.preparing import prepare_with_notes, warn_of_remote_code
from zostudy.console.process_setup import end_interrupted_line
from zostudy.console.progress import duration
from zostudy.errors import ZostudyError
from zostudy.printing import print_lines, print_text
from zostudy.wording import one_line

if TYPE_CHECKING:
    from zostudy.cluster.head_node import HeadNode
    from zostudy.cluster.jobs import Job
    from zostudy.cluster.shipping import Shipment

LOST = 1
RAY_LINE = re.compile(r"Running entrypoint for job |\d{4}-\d\d-\d\d [\d:,]+\s+INFO \w+\.py:\d+ -- ")

_log = logging.getLogger(__name__)


def submit_command(
    study: StudyArgument,
    address: AddressOption,
    set_: SetOption = None,
    results: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            envvar=RESULTS_VARIABLE,
            help="The folder in which the study gets its own: a path on every node, or s3://... or gs://....",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Show the job's log until the study has ended.")] = False,
) -> None:
    """Submit a study to a Ray cluster. Submit it again to resume it."""
    from zostudy.cluster.head_node import HeadNode
    from zostudy.cluster.jobs import job_results
    from zostudy.cluster.shipping import make_shipment
    from zostudy.config.loading import load_study
    from zostudy.config.paths import missing_here

    settings = set_ or ()
    spec = load_study(study, settings, elsewhere=True)
    if absent := missing_here(spec):
        warn_of_remote_code(spec)
        _log.info("not on this machine: %s; the job itself checks data and model", ", ".join(absent))
    else:
        prepare_with_notes(spec)
    shipment = make_shipment(study, settings, spec)
    head = HeadNode(address)
    job_id = _submit(head, shipment, job_results(results, head))
    if follow:
        _follow(head, job_id)


def jobs_command(address: AddressOption, format: FormatOption = Format.TABLE) -> None:
    """List the studies that were submitted to a cluster, the oldest first."""
    from zostudy.cluster.head_node import HeadNode
    from zostudy.cluster.jobs import list_jobs

    head = HeadNode(address)
    jobs = list_jobs(head)
    if not jobs:
        _log.info("no study was submitted to %s since it started", head.address)
    show([_record(job) for job in jobs], format)


def logs_command(
    job: JobArgument,
    address: AddressOption,
    follow: Annotated[bool, typer.Option("--follow", help="Print new lines until the study has ended.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Print Ray's own lines on the job's start, too.")] = False,
) -> None:
    """Print the output of a submitted study so far."""
    from zostudy.cluster.head_node import HeadNode
    from zostudy.cluster.jobs import find_job, read_log

    head = HeadNode(address)
    found = find_job(head, job)
    if follow:
        _follow(head, found.id, all_)
    print_log([read_log(head, found.id)], all_)


def stop_command(job: JobArgument, address: AddressOption) -> None:
    """Stop a submitted study; every finished trial is kept."""
    from zostudy.cluster.head_node import HeadNode
    from zostudy.cluster.jobs import find_job, stop

    head = HeadNode(address)
    found = find_job(head, job)
    if found.has_ended:
        print_lines(f"{found.id} had already ended: {found.status}")
        return
    stopped = stop(head, found.id)
    if stopped.has_ended:
        print_lines(f"{stopped.status}: {stopped.id}; finished trials are kept, submit the study again to go on")
    else:
        print_lines(f"stopping: {stopped.id}; zostudy jobs says when it has ended")


def _submit(head: HeadNode, shipment: Shipment, results: str) -> str:
    """Submits the study, prints where it runs and writes, and returns the job's id."""
    from zostudy.cluster.jobs import submit
    from zostudy.cluster.shipping import mebibytes

    try:
        job_id = submit(head, shipment, results)
    except KeyboardInterrupt:
        end_interrupted_line()
        _log.info("interrupted; zostudy jobs --address %s says whether it was submitted", head.address)
        raise
    print_lines(f"submitted: {job_id}")
    for part in shipment.inputs:
        print_lines(f"shipped: {part.given} ({mebibytes(part.n_bytes)})")
    path, mark, uri_query = results.partition("?")
    print_lines(f"results: {path.rstrip('/')}/{shipment.name}{mark}{uri_query}")
    print_lines(*_next_commands(head, job_id))
    return job_id


def _follow(head: HeadNode, job_id: str, all_lines: bool = False) -> None:
    """Prints a job's log until the job has ended.

    Raises:
        typer.Exit: with the study's exit code: 0, 1 or 2 as of ``zostudy run``, 130 of a stopped job.
        KeyboardInterrupt: following was interrupted; the job goes on.
    """
    from zostudy.cluster.jobs import find_job, follow_log

    try:
        print_log(follow_log(head, job_id), all_lines)
        job = find_job(head, job_id)
    except KeyboardInterrupt:
        end_interrupted_line()
        _log_lines(f"{job_id} goes on", *_next_commands(head, job_id))
        raise
    except ZostudyError as error:
        _log.error("%s", error)
        _log_lines(f"lost the connection to {job_id}, which may go on", *_next_commands(head, job_id))
        raise typer.Exit(LOST) from None
    if job.status != "succeeded":
        how = one_line(job.message, 300).rstrip(".") if job.exit_code is None else f"exit code {job.exit_code}"
        _log.info("%s: %s (%s); submit the study again to go on", job.status, job.id, how)
    raise typer.Exit(job.outcome)


def _next_commands(head: HeadNode, job_id: str) -> tuple[str, str]:
    """Returns the commands that show a job's log and stop the job."""
    where = f"--address {head.address}"
    return f"look: zostudy logs {job_id} --follow {where}", f"stop: zostudy stop {job_id} {where}"


def _log_lines(*lines: str) -> None:
    for line in lines:
        _log.info("%s", line)


def print_log(parts: Iterable[str], all_lines: bool) -> None:
    """Prints a job's log line by line as its parts come, without colours, and without Ray's own lines."""
    rest = ""
    for part in parts:
        *lines, rest = re.split(r"(?<=\n)", rest + part)
        _print_lines(lines, all_lines)
    _print_lines([rest], all_lines)


def _print_lines(lines: Sequence[str], all_lines: bool) -> None:
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    print_text("".join(line for line in plain if all_lines or not RAY_LINE.match(line)))


def _record(job: Job) -> dict[str, Any]:
    end = job.ended or datetime.now(UTC)
    return {
        "job": job.id,
        "study": job.study,
        "status": job.status,
        "begun": f"{job.begun:%Y-%m-%d %H:%M:%S} UTC" if job.begun else None,
        "took": duration((end - job.begun).total_seconds()) if job.begun else None,
        "results": job.results,
    }
