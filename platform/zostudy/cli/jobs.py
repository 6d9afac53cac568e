"""``zostudy jobs``: the studies that were submitted to a cluster."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from zostudy.cli.catalogue import FormatOption
from zostudy.cli.following import AddressOption, open_head
from zostudy.cli.formats import Format, show

if TYPE_CHECKING:
    from zostudy.cluster.jobs import Job

_log = logging.getLogger(__name__)


def jobs_command(address: AddressOption, format: FormatOption = Format.TABLE) -> None:
    """List the studies that were submitted to a cluster, the oldest first."""
    from zostudy.cluster.jobs import list_jobs

    head = open_head(address)
    jobs = list_jobs(head)
    if not jobs:
        _log.info("no study was submitted to %s since it started", head.address)
    show([_record(job) for job in jobs], format)


def _record(job: Job) -> dict[str, Any]:
    from zostudy.console.meter import duration

    end = job.ended or datetime.now(UTC)
    return {
        "job": job.id,
        "study": job.study,
        "status": job.status,
        "begun": f"{job.begun:%Y-%m-%d %H:%M:%S} UTC" if job.begun else None,
        "took": duration((end - job.begun).total_seconds()) if job.begun else None,
        "results": job.results,
    }
