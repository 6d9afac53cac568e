"""``zostudy report``: what a study found, as one HTML file."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from zostudy.cli.parameters import BaselineOption, ResultsArgument
from zostudy.console.interrupts import interrupt_on_termination
from zostudy.console.progress import progress
from zostudy.errors import ResultsError
from zostudy.printing import print_lines

if TYPE_CHECKING:
    from datetime import datetime

    from zostudy.results.storage import Storage

SECONDS_BETWEEN_LOOKS = 2.0

Written: TypeAlias = "tuple[Storage, dict[str, datetime]]"
"""A study, and when each file of its trials was written: other times tell that a trial has ended since."""

_log = logging.getLogger(__name__)


def report_command(
    folders: ResultsArgument,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write, or the folder of report.html, also as a URI; without it that is DIR.",
            show_default=False,
        ),
    ] = None,
    baseline: BaselineOption = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Update it while the study runs; figures/ follow at the end or at Ctrl-C."),
    ] = False,
) -> None:
    """Draw a report: one HTML file that needs no network, and every figure as PNG and SVG in figures/."""
    from zostudy.report.writing import check_drawing, page_at, report

    check_drawing()
    page = page_at(folders, to)
    if watch:
        _watch(folders, page, baseline)
        return
    with progress("drawing the report"):
        report(folders, page, baseline)
    print_lines(page)


def _watch(folders: Sequence[str], page: Storage, baseline: str | None) -> None:
    """Updates the report as the studies go on, and a last time when all have ended or it is interrupted.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    from zostudy.report.page import write_report

    interrupt_on_termination()
    shown: list[Storage] = []
    try:
        for studies in _changes(folders):
            is_first, shown = not shown, studies
            write_report(studies, page, watch=True, baseline=baseline)
            if is_first:
                print_lines(page)
    except KeyboardInterrupt:
        _write_last(shown, page, baseline)
        raise
    _write_last(shown, page, baseline)


def _write_last(studies: Sequence[Storage], page: Storage, baseline: str | None) -> None:
    """Writes the report once more if it was written, now with figures and without reloading itself."""
    from zostudy.report.page import write_report

    if studies:
        _log.info("writing it a last time, with figures/")
        write_report(studies, page, baseline=baseline)
        _log.info("no longer updated: %s", page)


def _changes(folders: Sequence[str]) -> Iterator[list[Storage]]:
    """Gives the studies that have finished trials whenever one of them has ended a trial, until all studies have ended.

    Args:
        folders: as they were given; a missing one is waited for.
    """
    from zostudy.report.writing import written
    from zostudy.results.completeness import unfinished

    seen: list[Written] = []
    logged = ""
    while True:
        there = [folder for folder in folders if _holds_studies(folder)]
        studies = written(there)
        begun = [(study, files) for study, files in studies if files]
        places = [study for study, _ in begun]
        if begun and begun != seen:
            seen = begun
            yield places
        if not seen and (line := _awaited(folders)) != logged:
            _log.info("%s", line)
            logged = line
        if len(there) == len(folders) and len(begun) == len(studies) and not unfinished(places):
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _awaited(folders: Sequence[str]) -> str:
    from zostudy.results.storage import Storage

    missing = [folder for folder in folders if not Storage.at(folder).is_folder()]
    return f"waiting for {', '.join(missing)} to appear" if missing else "waiting for the first trial to end"


def _holds_studies(folder: str) -> bool:
    """Returns whether a folder is there and holds a study so far.

    Raises:
        ResultsError: it is a file, which will never be one.
    """
    from zostudy.results.reading import find_studies
    from zostudy.results.storage import Storage

    try:
        return bool(find_studies(folder))
    except ResultsError:
        if Storage.at(folder).exists(""):
            raise
        return False
