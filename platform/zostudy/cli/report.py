"""``zostudy report``: what a study found, as one HTML file."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeAlias

import typer

from zostudy.cli.endings import INTERRUPTED, take_ends_as_interrupts

if TYPE_CHECKING:
    from datetime import datetime

    from zostudy.results.storage import Storage

SECONDS_BETWEEN_LOOKS = 2.0

Written: TypeAlias = "tuple[Storage, dict[str, datetime]]"
"""A study, and when the files of its trials were written."""


def report_command(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="DIR", help="Results folders of studies, or a folder of such; also as s3:// or gs://."),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The file to write, or the folder of report.html, also as a URI; without it that is DIR.",
            show_default=False,
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
    from zostudy.results.storage import Storage

    try:
        from zostudy.report.page import write_report
    except ImportError as error:
        raise ResultsError(f"a report needs {error.name}, which is missing; pip install 'zostudy[report]'") from error

    if to is None and len(folders) > 1:
        raise ResultsError(f"a report of {len(folders)} folders needs a place; give one with --to FILE")
    page = Storage.at(folders[0] if to is None else to)
    if page.is_folder():
        page /= "report.html"
    if watch:
        _watch(folders, page, baseline)
    studies = _written(folders)
    begun = [study for study, files in studies if files]
    if not begun:
        raise ResultsError(
            f"a report needs at least one finished trial, but {', '.join(folders)} holds none; "
            "wait for the first one, as --watch does, or run the study again to resume it"
        )
    for study in (study for study, files in studies if not files):
        print(f"note: {study.name} is left out: it has no finished trial yet", file=sys.stderr)
    write_report(begun, page, baseline=baseline)
    print(page)


def _watch(folders: Sequence[str], page: Storage, baseline: str | None) -> NoReturn:
    """Writes the report whenever a trial has ended, of new studies too; waits for the first one."""
    from zostudy.report.page import write_report

    take_ends_as_interrupts()
    seen: list[Written] = []
    waits = False
    try:
        while True:
            now = [(study, files) for study, files in _written(folders) if files]
            if now and now != seen:
                write_report([study for study, _ in now], page, watch=True, baseline=baseline)
                if not seen:
                    print(page, flush=True)
                seen = now
            elif not (seen or waits):
                print("waiting for the first trial to end", file=sys.stderr, flush=True)
                waits = True
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        if seen:
            print(f"\nno longer written anew: {page}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


def _written(folders: Sequence[str]) -> list[Written]:
    """Returns the studies, each with what is another whenever a trial has ended since, empty before the first one."""
    from zostudy.results.reading import study_places

    return [(study, (study / "trials").written(".parquet")) for study in study_places(folders)]
