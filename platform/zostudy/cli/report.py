"""``zostudy report``: the results of studies as one HTML file."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from zostudy.cli.parameters import TO_FLAGS, BaselineOption, ResultsArgument
from zostudy.console.process_setup import interrupt_on_termination
from zostudy.console.progress import progress
from zostudy.errors import ResultsError
from zostudy.printing import print_lines

if TYPE_CHECKING:
    from datetime import datetime

    from zostudy.results.storage import Storage

SECONDS_BETWEEN_READS = 2.0

Written: TypeAlias = "tuple[Storage, dict[str, datetime]]"
"""A study, and the time of each file of its trials. A new time shows that a trial has ended."""

_log = logging.getLogger(__name__)


def report_command(
    folders: ResultsArgument,
    to: Annotated[
        str | None,
        typer.Option(
            *TO_FLAGS,
            metavar="FILE",
            help="The HTML file to write, or a folder for report.html; also a URI. Default: report.html in DIR.",
        ),
    ] = None,
    baseline: BaselineOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Update it while the study runs; write figures/ at the end or at Ctrl-C.")
    ] = False,
) -> None:
    """Draw a report: one HTML file that needs no network, and every figure as PNG and SVG in figures/."""
    from zostudy.report.writing import check_dependencies, page_location, report

    check_dependencies()
    page = page_location(folders, to)
    if watch:
        _watch(folders, page, baseline)
        return
    with progress("drawing the report"):
        report(folders, page, baseline)
    print_lines(page)


def _watch(folders: Sequence[str], page: Storage, baseline: str | None) -> None:
    """Updates the report while the studies run, and a last time when all have ended or at an interrupt."""
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
    """Writes the report with figures and without the script that reloads it, if there is a report."""
    from zostudy.report.page import write_report

    if studies:
        _log.info("writing it a last time, with figures/")
        write_report(studies, page, baseline=baseline)
        _log.info("no longer updated: %s", page)


def _changes(folders: Sequence[str]) -> Iterator[list[Storage]]:
    """Yields the studies with finished trials after each new trial, until all studies have ended.

    It waits for folders that do not exist yet.
    """
    from zostudy.report.writing import studies_with_times
    from zostudy.results.completeness import unfinished

    seen: list[Written] = []
    logged = ""
    while True:
        present = [folder for folder in folders if _holds_studies(folder)]
        studies = studies_with_times(present)
        begun = [(study, files) for study, files in studies if files]
        storages = [study for study, _ in begun]
        if begun and begun != seen:
            seen = begun
            yield storages
        if not seen and (line := _awaited(folders)) != logged:
            _log.info("%s", line)
            logged = line
        if len(present) == len(folders) and len(begun) == len(studies) and not unfinished(storages):
            return
        time.sleep(SECONDS_BETWEEN_READS)


def _awaited(folders: Sequence[str]) -> str:
    from zostudy.results.storage import Storage

    missing = [folder for folder in folders if not Storage.at(folder).is_folder()]
    return f"waiting for {', '.join(missing)} to appear" if missing else "waiting for the first trial to end"


def _holds_studies(folder: str) -> bool:
    """Returns whether a folder exists and holds a study; raises a ``ResultsError`` if it is a file."""
    from zostudy.results.reading import find_studies
    from zostudy.results.storage import Storage

    try:
        return bool(find_studies(folder))
    except ResultsError:
        if Storage.at(folder).exists(""):
            raise
        return False
