"""``zostudy report``: what a study found, as one HTML file."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from zostudy.cli.endings import INTERRUPTED, take_ends_as_interrupts

if TYPE_CHECKING:
    from zostudy.results.storage import Storage

SECONDS_BETWEEN_LOOKS = 2.0


def report_command(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="DIR", help="Results folders of studies, or a folder of such; also as s3:// or gs://."),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The file or URI to write; without it report.html in DIR.", show_default=False
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="METHOD", help="Test every other method against this one.", show_default=False),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write it anew while the study runs, without figures/, until Ctrl-C.")
    ] = False,
) -> None:
    """Draw a report: one HTML file that needs no network, and every figure as PNG and SVG in figures/."""
    from zostudy.errors import ResultsError
    from zostudy.results.reading import study_places
    from zostudy.results.storage import Storage

    try:
        from zostudy.report.page import write_report
    except ImportError as error:
        raise ResultsError(f"a report needs {error.name}, which is missing; pip install 'zostudy[report]'") from error

    if to is None and len(folders) > 1:
        raise ResultsError(f"a report of {len(folders)} folders needs a place; give one with --to FILE")
    page = Storage.at(folders[0]) / "report.html" if to is None else Storage.at(to)
    studies = study_places(folders)
    seen = _written(studies)
    write_report(studies, page, watch, baseline)
    print(page, flush=True)
    if not watch:
        return
    take_ends_as_interrupts()
    try:
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if (now := _written(studies)) != seen:
                write_report(studies, page, watch, baseline)
                seen = now
    except KeyboardInterrupt:
        print(f"\nno longer written anew: {page}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


def _written(studies: Sequence[Storage]) -> list[object]:
    """Returns what is another whenever a trial has ended since."""
    return [(study / "trials").written(".parquet") for study in studies]
