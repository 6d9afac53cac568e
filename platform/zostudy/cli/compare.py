"""``zostudy compare``: which method at which imbalance ratio."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zostudy.cli.formats import DATA_FORMATS, Format, show
from zostudy.cli.parameters import BaselineOption, FormatOption, ResultsArgument, local_path
from zostudy.console.progress import progress
from zostudy.errors import ResultsError

if TYPE_CHECKING:
    from zostudy.results.comparison import Comparison

_log = logging.getLogger(__name__)


def compare_command(
    folders: ResultsArgument,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="The metric to compare, such as test_auc; may be repeated.", show_default=False),
    ] = None,
    by: Annotated[
        str, typer.Option(help="The columns of the table: imbalance_ratio, model, task, budget or study.")
    ] = ("imbalance_ratio"),
    baseline: BaselineOption = None,
    allow_unequal: Annotated[
        bool, typer.Option("--allow-unequal", help="Compare cells of unequal budgets with one another.")
    ] = False,
    format: FormatOption = Format.TABLE,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=local_path,
            help="Draw it too, as PNG, SVG or PDF: the means, or of several studies the mean ranks.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare methods: mean and 95% interval over the confirm seeds, with the queries spent."""
    from zostudy.results.compare import compare
    from zostudy.results.comparison_tables import comparison_notes, comparison_tables

    gc.freeze()  # else every collection looks through all that was imported: a fifth of the time
    with progress("reading the results"):
        comparison = compare(folders, metric, by, baseline, allow_unequal)
    if figure is not None:
        _draw(comparison, figure)
    if format in DATA_FORMATS:
        show(comparison.records(), format)
        for note in comparison_notes(comparison):
            _log.info("note: %s", note)
    else:
        show([], format, comparison_tables(comparison))


def _draw(comparison: Comparison, path: Path) -> None:
    """Draws the critical-difference diagrams of several studies, or else the means of each metric."""
    try:
        from zostudy.report.figures import draw_comparison
        from zostudy.results.rank_figure import draw_ranks
        from zostudy.results.rank_tables import shown_ranks
    except ImportError as error:
        needed = f"{error.name} is missing"
        raise ResultsError("a figure needs altair", got=needed, remedy="pip install 'zostudy[report]'") from error
    shown = shown_ranks(comparison)
    if shown:
        draw_ranks(shown, path)
    else:
        draw_comparison(comparison, path)
