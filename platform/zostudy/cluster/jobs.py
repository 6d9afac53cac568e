"""Studies as jobs of a Ray cluster: submitted, listed, followed, stopped."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from zostudy.cluster.head_node import HeadNode, NotThereError
from zostudy.cluster.shipping import Shipment
from zostudy.errors import INTERRUPTED, ZostudyError
from zostudy.results.study_file import STUDY_FILE
from zostudy.scratch import ScratchFolder
from zostudy.wording import suggestion

STUDY, DIGEST, RESULTS = "zostudy_study", "zostudy_digest", "zostudy_results"
SUCCEEDED, STOPPED = "succeeded", "stopped"
ENDED = (SUCCEEDED, STOPPED, "failed")
FAILED_RUN_CODES = (1, 2, INTERRUPTED)

SECONDS_BETWEEN_LOOKS = 1.0
STOP_SECONDS = 60.0
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Job:
    """A study's job.

    Attributes:
        id: its submission id, which begins with the study's name.
        study: the study's name.
        results: the folder in which the study's folder is.
        status: pending, running, succeeded, failed or stopped.
        begun: when it was submitted, or None.
        ended: when it ended, or None.
        exit_code: of ``zostudy run``, or None if it has not ended by itself.
        message: the cluster's explanation of the status.
    """

    id: str
    study: str
    results: str
    status: str
    begun: datetime | None
    ended: datetime | None
    exit_code: int | None
    message: str

    @property
    def has_ended(self) -> bool:
        """True if it has ended, in whatever way."""
        return self.status in ENDED

    @property
    def outcome(self) -> int:
        """The exit code that ``zostudy run`` would have for the same end of the study."""
        if self.status == STOPPED:
            return INTERRUPTED
        if self.status == SUCCEEDED:
            return 0
        return self.exit_code if self.exit_code in FAILED_RUN_CODES else 1


def submit(head: HeadNode, shipment: Shipment, results: str) -> str:
    """Submits a study, its driver on the head node, and returns the job's id.

    Args:
        head: of the cluster.
        shipment: the study and its input files.
        results: from ``job_results``.

    Raises:
        ZostudyError: the cluster runs another version of Ray, runs this study already, or rejects the job.
    """
    head.check_version()
    _check_not_running(head, shipment.name, results)
    job_id = f"{shipment.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:4]}"
    metadata = {STUDY: shipment.name, DIGEST: shipment.digest, RESULTS: results}

    with ScratchFolder() as folder:
        environment = shipment.pack(Path(folder))

        def request(client: Any) -> None:
            try:
                client.submit_job(
                    entrypoint=_entrypoint(head, results),
                    runtime_env=environment,
                    submission_id=job_id,
                    metadata=metadata,
                    entrypoint_num_cpus=0,
                )
            except RuntimeError as error:
                if "already exists" not in str(error):  # else an earlier try succeeded, but its answer was lost
                    raise

        head.ask(request)
    return job_id


def job_results(given: str | None, head: HeadNode) -> str:
    """Returns the location to which a job writes: a URI, or a path that is the same on the head as here.

    Raises:
        ZostudyError: a relative path, which another machine cannot know, or a URI to which results cannot go.
    """
    from zostudy.results.uris import is_uri, parse_uri

    if given is not None and is_uri(given):
        parse_uri(given)
        return given
    if given is not None and Path(given).is_absolute():
        return given
    if head.on_this_machine:
        return str(Path(given or "results").absolute())
    raise ZostudyError(
        "the results of a job must go where every node writes",
        got=f"`results` is {given or 'not given'}",
        remedy="give an absolute path on shared storage",
    )


def list_jobs(head: HeadNode) -> list[Job]:
    """Returns the jobs that zostudy submitted, the oldest first."""
    found: list[Any] = head.ask(lambda client: client.list_jobs())
    jobs = [_job(details) for details in found if _is_ours(details)]
    return sorted(jobs, key=lambda job: (job.begun or datetime.max.replace(tzinfo=UTC), job.id))


def find_job(head: HeadNode, job_id: str) -> Job:
    """Returns a job of zostudy's by its id, or by a beginning that no other job's id has.

    Raises:
        ZostudyError: zostudy submitted no such job, or several of them begin so.
    """
    if ID.fullmatch(job_id):
        try:
            details: Any = head.ask(lambda client: client.get_job_info(job_id))
        except NotThereError:
            details = None
        if details is not None and _is_ours(details):
            return _job(details)
    known = [job.id for job in list_jobs(head)]
    begun_so = [each for each in known if job_id and each.startswith(job_id)]
    if len(begun_so) == 1:
        return find_job(head, begun_so[0])
    if begun_so:
        raise ZostudyError(
            f"several jobs begin with {job_id!r}", remedy=f"give more of the id: {' or '.join(begun_so[-3:])}"
        )
    remedy = f"the last ones are {', '.join(known[-3:])}" if known else "no study was submitted there since it started"
    raise ZostudyError(
        f"there is no job {job_id!r} of zostudy's at {head.address}", remedy=suggestion(job_id, known, remedy)
    )


def read_log(head: HeadNode, job_id: str) -> str:
    """Returns all that a job has printed so far."""
    return str(head.ask(lambda client: client.get_job_logs(job_id)))


def follow_log(head: HeadNode, job_id: str) -> Iterator[str]:
    """Yields a job's output as it comes, until the job has ended.

    A connection that gives the log may be lost, or end early with the agent of the driver's node. So whenever it ends,
    the missing text is read at once, and a job that goes on is followed again.
    """
    n_shown = 0
    while True:
        n_read = 0
        for text in head.tail(job_id):
            n_read += len(text)
            if n_read > n_shown:  # each connection begins with the log's beginning
                yield text[n_shown - n_read :]
                n_shown = n_read
        job = find_job(head, job_id)
        log = read_log(head, job_id)
        if len(log) > n_shown:
            yield log[n_shown:]
            n_shown = len(log)
        if job.has_ended:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def stop(head: HeadNode, job_id: str) -> Job:
    """Stops a job as Ctrl-C would, waits a while for its end, and returns it."""
    head.ask(lambda client: client.stop_job(job_id))
    latest = time.monotonic() + STOP_SECONDS
    while not (job := find_job(head, job_id)).has_ended and time.monotonic() < latest:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return job


def _check_not_running(head: HeadNode, study: str, results: str) -> None:
    for job in list_jobs(head):
        if (job.study, job.results) == (study, results) and not job.has_ended:
            raise ZostudyError(
                "one job at a time may write the results of a study",
                got=f"{job.id} is {job.status}",
                remedy="follow it with zostudy logs, end it with zostudy stop, or give the study another name",
            )


def _entrypoint(head: HeadNode, results: str) -> str:
    """Returns the driver's command, which uses the cluster's python, or this one if the head runs here."""
    here = shlex.quote(sys.executable)
    python = f"$(command -v {here} || echo python)" if head.on_this_machine else "python"
    return f"{python} -m zostudy run {STUDY_FILE} --address auto --results {shlex.quote(results)}"


def _is_ours(details: Any) -> bool:
    return details.submission_id is not None and STUDY in (details.metadata or {})


def _job(details: Any) -> Job:
    return Job(
        id=details.submission_id,
        study=details.metadata[STUDY],
        results=details.metadata.get(RESULTS, ""),
        status=str(details.status.value).lower(),
        begun=_time(details.start_time),
        ended=_time(details.end_time),
        exit_code=details.driver_exit_code,
        message=details.message or "",
    )


def _time(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
