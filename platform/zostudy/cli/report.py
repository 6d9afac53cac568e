"""``zostudy report``: what a study found, as one HTML file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

SECONDS_BETWEEN_LOOKS = 2.0


def report_command(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Results folders of studies, or a folder of such.")
    ],
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write; without it report.html in DIR.", show_default=False),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Write it anew while the study runs, until Ctrl-C.")] = False,
) -> None:
    """Draw a report: one HTML file that needs no network, and every figure as PNG and SVG."""
    from zostudy.errors import ResultsError

    try:
        from zostudy.report.page import write_report
    except ImportError as error:
        raise ResultsError(f"a report needs {error.name}, which is missing; pip install 'zostudy[report]'") from error

    if to is None and len(folders) > 1:
        raise ResultsError(f"a report of {len(folders)} folders needs a place; give one with --to FILE")
    target = to or folders[0] / "report.html"
    studies = [study for folder in folders for study in _studies(folder)]
    print(write_report(studies, target, watch))
    seen = _changes(studies)
    while watch:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        if (now := _changes(studies)) != seen:
            write_report(studies, target, watch)
            seen = now


def _studies(folder: Path) -> list[Path]:
    """Returns the studies in a folder; reading reports what is wrong with a folder that holds none."""
    found = sorted(path.parent for path in folder.glob("*/trials") if path.is_dir())
    return [folder] if (folder / "trials").is_dir() or not found else found


def _changes(studies: list[Path]) -> set[tuple[str, int]]:
    return {(path.name, path.stat().st_mtime_ns) for study in studies for path in (study / "trials").glob("*.parquet")}
