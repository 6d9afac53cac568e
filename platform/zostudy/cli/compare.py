"""``zostudy compare``: the metrics of each method at each imbalance ratio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zostudy.cli.formats import DATA_FORMATS, Format, show
from zostudy.cli.parameters import BaselineOption, FormatOption, ResultsArgument, local_path
from zostudy.console.log import log_notes
from zostudy.console.progress import progress
from zostudy.errors import ResultsError

if TYPE_CHECKING:
    from zostudy.results.comparison.comparison import Comparison


def compare_command(
    folders: ResultsArgument,
    metric: Annotated[
        list[str] | None, typer.Option(help="The metric to compare, such as test_auc; may be repeated.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="The columns of the table: imbalance_ratio, model, task, budget or study.")
    ] = "imbalance_ratio",
    baseline: BaselineOption = None,
    allow_unequal: Annotated[bool, typer.Option("--allow-unequal", help="Compare cells of unequal budgets.")] = False,
    format: FormatOption = Format.TABLE,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=local_path,
            help="Draw a figure as PNG, SVG or PDF: the means, or the mean ranks of several studies.",
        ),
    ] = None,
) -> None:
    """Compare methods: mean and 95% interval over the confirm seeds, with the queries spent."""
    from zostudy.results.comparison.comparable import compare_in_groups
    from zostudy.results.comparison.contents import contents
    from zostudy.results.comparison.metric_tables import comparison_tables
    from zostudy.results.comparison.table_notes import comparison_notes

    with progress("reading the results"):
        comparisons = compare_in_groups(folders, metric, by, baseline, allow_unequal)
    if figure is not None:
        _draw(comparisons, figure)
    if format in DATA_FORMATS:
        show(_records(comparisons), format)
        log_notes(note for comparison in comparisons for note in comparison_notes(comparison))
    else:
        tables = [table for comparison in comparisons for table in comparison_tables(comparison)]
        show([], format, [*tables, contents(comparisons)] if len(comparisons) > 1 else tables)


def _records(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Returns the records of all comparisons with equal keys. The key ``table`` numbers several comparisons."""
    if len(comparisons) == 1:
        return comparisons[0].records()
    records = [{"table": n} | record for n, each in enumerate(comparisons, 1) for record in each.records()]
    names = list(dict.fromkeys(name for record in records for name in record))
    return [{name: record.get(name) for name in names} for record in records]


def _draw(comparisons: Sequence[Comparison], path: Path) -> None:
    """Draws the means of each metric; for several studies their critical-difference diagrams."""
    comparison, *others = comparisons
    if others:
        raise ResultsError(
            "a figure shows studies that can share a table",
            got=f"these take {len(comparisons)}",
            remedy="compare them without --figure to see why, and give the folders of one table",
        )
    try:
        from zostudy.report.figures import draw_comparison
    except ImportError as error:
        needed = f"{error.name} is missing"
        raise ResultsError("a figure needs altair", got=needed, remedy="pip install 'zostudy[report]'") from error
    draw_comparison(comparison, path)
