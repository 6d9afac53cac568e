"""Pictures of a comparison, drawn with matplotlib (the extra ``[figures]``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zostudy.errors import ResultsError
from zostudy.results.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_INCHES = (3.2, 2.8)
LEGEND_INCHES = 1.0
FORMATS = (".png", ".svg", ".pdf")


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draws each metric against what the cells are compared by: means as points, 95% intervals as bars.

    Args:
        comparison: from ``zostudy.results.compare``.
        path: the picture to write, PNG, SVG or PDF by its ending.

    Raises:
        ResultsError: matplotlib is missing, the ending is another one, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise ResultsError(f"a figure must end in {', '.join(FORMATS)}, but got {path}; rename it")
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ResultsError("a figure needs matplotlib, which is missing; pip install 'zostudy[figures]'") from error

    width, height = PANEL_INCHES
    with rc_context({"svg.hashsalt": "zostudy", "font.size": 9}):
        figure = Figure(figsize=(width * len(comparison.metrics) + LEGEND_INCHES, height), layout="constrained")
        panels = figure.subplots(1, len(comparison.metrics), squeeze=False)[0]
        for panel, metric in zip(panels, comparison.metrics, strict=True):
            _draw_metric(panel, comparison, metric)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
        try:
            figure.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as error:
            raise ResultsError(f"the figure must be writable, but {path} is not ({error.strerror})") from error


def _draw_metric(panel: Axes, comparison: Comparison, metric: str) -> None:
    columns = comparison.columns
    for number, row in enumerate(comparison.rows):
        cells = {cell.column: cell.intervals[metric] for cell in comparison.cells if cell.row == row}
        places = [place for place, column in enumerate(columns) if column in cells]
        known: list[Any] = [cells[columns[place]] for place in places]
        # Methods stand side by side around the place of their ratio, so that intervals do not hide each other.
        offset = 0.12 * (number - (len(comparison.rows) - 1) / 2)
        panel.errorbar(
            [place + offset for place in places],
            [float("nan") if interval.mean is None else interval.mean for interval in known],
            yerr=[interval.half_width or 0.0 for interval in known],
            marker="o",
            markersize=4,
            linewidth=1,
            capsize=3,
            label=" ".join(str(part) for part in row),
        )
    panel.set_xticks(range(len(columns)), [f"{c:g}" if isinstance(c, float) else str(c) for c in columns])
    panel.set_xlabel(comparison.by.replace("_", " "))
    panel.set_title(metric.replace("_", " "))
    panel.grid(axis="y", alpha=0.3)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
