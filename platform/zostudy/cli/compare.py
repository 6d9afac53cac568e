"""``zostudy compare``: which method at which imbalance ratio."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import Annotated

import typer

from zostudy.cli.formats import Format, show
from zostudy.cli.paths import local_path

_log = logging.getLogger(__name__)


def compare_command(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="DIR", help="Results folders of studies, or a folder of such; also as s3:// or gs://."),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(help="What to compare, such as test_auc; may be repeated.", show_default=False),
    ] = None,
    by: Annotated[str, typer.Option(help="What stands across: imbalance_ratio, model, task or study.")] = (
        "imbalance_ratio"
    ),
    baseline: Annotated[
        str | None,
        typer.Option(metavar="METHOD", help="Test every other method against this one.", show_default=False),
    ] = None,
    allow_unequal: Annotated[
        bool, typer.Option("--allow-unequal", help="Show cells of unequal budgets side by side.")
    ] = False,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TABLE,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=local_path, help="Draw it too, as PNG, SVG or PDF.", show_default=False),
    ] = None,
) -> None:
    """Compare methods: mean and 95% interval over the confirm seeds, with the queries spent."""
    from zostudy.results.compare import DEFAULT_METRICS, compare
    from zostudy.results.comparison_tables import comparison_notes, comparison_tables

    gc.freeze()  # else every collection looks through all that was imported: a fifth of the time
    comparison = compare(folders, metric or DEFAULT_METRICS, by, baseline, allow_unequal)
    if figure is not None:
        from zostudy.results.figures import draw_comparison

        draw_comparison(comparison, figure)
    if format in (Format.JSON, Format.CSV):
        show(comparison.records(), format)
        for note in comparison_notes(comparison):
            _log.info("note: %s", note)
    else:
        show([], format, comparison_tables(comparison))
