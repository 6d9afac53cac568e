"""``zostudy.report``: finds the studies, and the file to write the report to."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from zostudy.errors import ResultsError
from zostudy.results.reading import find_studies, given_paths
from zostudy.results.storage import Storage, Where

PAGE = "report.html"

_log = logging.getLogger(__name__)


def report(folders: Where | Sequence[Where], to: Where | None = None, baseline: str | None = None) -> Storage:
    """Writes a report of one study or several, with figures beside it, and returns where it is; is ``zostudy.report``.

    ``folders`` are results folders, ``to`` is the HTML file or a folder for it, and ``baseline`` is the label of the
    method against which every other one is tested.

    Raises:
        ResultsError: no trial has finished, the report cannot be written, or the extra ``[report]`` is missing.
    """
    check_dependencies()
    locations = given_paths(folders)
    page = page_location(locations, to)
    studies = studies_with_times(locations)
    begun = [study for study, files in studies if files]
    if not begun:
        raise ResultsError(
            "a report needs at least one finished trial",
            got=f"{', '.join(map(str, locations))} holds none",
            remedy="wait for the first one, or run the study again to resume it",
        )
    for study in (study for study, files in studies if not files):
        _log.info("note: %s is left out: it has no finished trial yet", study.name)
    from zostudy.report.page import write_report

    write_report(begun, page, baseline=baseline)
    return page


def check_dependencies() -> None:
    """Raises a ``ResultsError`` unless the extra ``[report]`` is installed."""
    try:
        import zostudy.report.page  # noqa: F401
    except ImportError as error:
        rule = f"a report needs {error.name}"
        raise ResultsError(rule, got="it is missing", remedy="pip install 'zostudy[report]'") from error


def page_location(folders: Sequence[Where], to: Where | None) -> Storage:
    """Returns the file that a report of these folders is written to.

    Raises:
        ResultsError: there are several folders and no file.
    """
    if to is None and len(folders) > 1:
        rule = f"a report of {len(folders)} folders needs a file of its own"
        raise ResultsError(rule, remedy="name one with `to`")
    page = Storage.at(folders[0] if to is None else to)
    return page / PAGE if to is None or page.is_folder() else page


def studies_with_times(folders: Sequence[Where]) -> list[tuple[Storage, dict[str, datetime]]]:
    """Returns the studies in folders, each with the time of each file of its trials, which new trials change."""
    return [(study, (study / "trials").write_times(".parquet")) for study in (find_studies(folders) if folders else ())]
