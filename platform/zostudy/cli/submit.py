"""``zostudy submit``: run a study on a Ray cluster, unattended."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zostudy.cli.following import AddressOption, follow_job, open_head, ways_on
from zostudy.cli.paths import local_path
from zostudy.console.interrupts import INTERRUPTED, end_interrupted_line
from zostudy.console.preparing import prepare_with_notes, warn_of_remote_code
from zostudy.printing import print_lines

if TYPE_CHECKING:
    from zostudy.cluster.head_node import HeadNode
    from zostudy.cluster.shipping import Shipment

_log = logging.getLogger(__name__)


def submit_command(
    study: Annotated[Path, typer.Argument(metavar="STUDY", parser=local_path, help="The study file (YAML).")],
    address: AddressOption,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as search.trials=2."),
    ] = None,
    results: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where the study's folder is made: a path that every node sees, or s3://... or gs://....",
        ),
    ] = None,
    replicas: Annotated[
        int | None, typer.Option(metavar="N", help="Replicas of the model, in place of what the study says.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Show the job's log until the study has ended.")] = False,
) -> None:
    """Submit a study to a Ray cluster. Submitted again, it goes on where it stopped."""
    from zostudy.cluster.jobs import place_results
    from zostudy.cluster.shipping import make_shipment
    from zostudy.config import load_study
    from zostudy.config.paths import not_here

    settings = [*(set_ or ()), *([] if replicas is None else [f"replicas={replicas}"])]
    spec = load_study(study, settings, elsewhere=True)
    if absent := not_here(spec):
        warn_of_remote_code(spec)
        _log.info("not on this machine: %s; so the job itself checks data and model", ", ".join(absent))
    else:
        prepare_with_notes(spec)
    shipment = make_shipment(study, settings, spec)
    head = open_head(address)
    job_id = _submitted(head, shipment, place_results(results, head))
    if follow:
        follow_job(head, job_id)


def _submitted(head: HeadNode, shipment: Shipment, results: str) -> str:
    """Submits, prints what became of it, and returns the job's id."""
    from zostudy.cluster.jobs import submit
    from zostudy.cluster.shipping import mebibytes

    try:
        job_id = submit(head, shipment, results)
    except KeyboardInterrupt:
        end_interrupted_line()
        _log.info("interrupted; zostudy jobs --address %s says whether it was submitted", head.address)
        raise typer.Exit(INTERRUPTED) from None
    print_lines(f"submitted: {job_id}")
    for part in shipment.inputs:
        print_lines(f"shipped: {part.given} ({mebibytes(part.n_bytes)})")
    path, mark, query = results.partition("?")
    print_lines(f"results: {path.rstrip('/')}/{shipment.name}{mark}{query}")
    print_lines(*ways_on(head, job_id))
    return job_id
