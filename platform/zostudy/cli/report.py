"""``zostudy report``: what a study found, as one HTML file."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from zostudy.console.interrupts import INTERRUPTED, take_ends_as_interrupts
from zostudy.printing import print_lines

if TYPE_CHECKING:
    from datetime import datetime

    from zostudy.results.storage import Storage

_log = logging.getLogger(__name__)

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
        bool, typer.Option("--watch", help="Write it anew while the study runs, with figures/ at its end or at Ctrl-C.")
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
    if to is None or page.is_folder():
        page /= "report.html"
    if watch:
        _watch(folders, page, baseline)
        return
    studies = _written(folders)
    begun = [study for study, files in studies if files]
    if not begun:
        raise ResultsError(
            f"a report needs at least one finished trial, but {', '.join(folders)} holds none; "
            "wait for the first one, as --watch does, or run the study again to resume it"
        )
    for study in (study for study, files in studies if not files):
        _log.info("note: %s is left out: it has no finished trial yet", study.name)
    write_report(begun, page, baseline=baseline)
    print_lines(page)


def _watch(folders: Sequence[str], page: Storage, baseline: str | None) -> None:
    """Writes the report as the studies go on, and a last time when all have ended or it is interrupted.

    Raises:
        typer.Exit: it was interrupted.
    """
    from zostudy.report.page import write_report

    take_ends_as_interrupts()
    seen: list[Written] = []
    try:
        _follow(folders, page, baseline, seen)
        ending = None
    except KeyboardInterrupt:
        ending = typer.Exit(INTERRUPTED)
    if seen:
        _log.info("writing it a last time, with figures/")
        write_report([study for study, _ in seen], page, baseline=baseline)
        _log.info("no longer written anew: %s", page)
    if ending:
        raise ending


def _follow(folders: Sequence[str], page: Storage, baseline: str | None, seen: list[Written]) -> None:
    """Writes a page that loads itself anew whenever a trial has ended, until every study has come to its end.

    Args:
        folders: as they were given; one that is missing may come.
        page: the file.
        baseline: the label of a method, or None.
        seen: empty; takes what the page shows.
    """
    from zostudy.report.page import write_report
    from zostudy.results.completeness import unfinished

    said = ""
    while True:
        there = [folder for folder in folders if _holds_studies(folder)]
        studies = _written(there)
        begun = [(study, files) for study, files in studies if files]
        if begun and begun != seen:
            is_first = not seen
            seen[:] = begun
            write_report([study for study, _ in begun], page, watch=True, baseline=baseline)
            if is_first:
                print_lines(page)
        if not seen and (line := _awaited(folders)) != said:
            _log.info("%s", line)
            said = line
        if len(there) == len(folders) and len(begun) == len(studies) and not unfinished([study for study, _ in begun]):
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
    from zostudy.errors import ResultsError
    from zostudy.results.reading import find_studies
    from zostudy.results.storage import Storage

    try:
        return bool(find_studies(folder))
    except ResultsError:
        if Storage.at(folder).exists(""):
            raise
        return False


def _written(folders: Sequence[str]) -> list[Written]:
    """Returns the studies, each with what is another whenever a trial has ended since, empty before the first one."""
    from zostudy.results.reading import find_studies

    return [(study, (study / "trials").written(".parquet")) for study in (find_studies(folders) if folders else ())]
