"""Draws a comparison as a PNG, SVG or PDF file, for ``zostudy compare --figure``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from zostudy.errors import ResultsError
from zostudy.report.charts import colours_of, interval_layers
from zostudy.report.frames import metric_frame
from zostudy.report.parts import metric_words
from zostudy.report.rank_figure import rank_chart
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.rank_tables import shown_ranks
from zostudy.results.filesystems import write_by_rename

PANEL_WIDTH, PANEL_HEIGHT, PANELS_BESIDE, PNG_SCALE = 260, 220, 3, 2.0
ENDINGS = (".png", ".svg", ".pdf")


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draws the methods' mean ranks over several studies, or the means and 95% intervals of one, by metric.

    Raises:
        ResultsError: the ending is not .png, .svg or .pdf, or the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ResultsError(f"a figure must end in {', '.join(ENDINGS)}", got=f"got {path}", remedy="rename it")
    ranks = [rank_chart(statistics) for statistics in shown_ranks(comparison)]
    panels = [] if ranks else [_panel(comparison, metric) for metric in comparison.metrics]
    with alt.data_transformers.enable("default", max_rows=None):
        spec = (alt.vconcat(*ranks) if ranks else alt.concat(*panels, columns=PANELS_BESIDE)).to_dict()
    try:
        write_by_rename(path, _picture(spec | {"background": "white"}, ending))
    except OSError as error:
        got, remedy = f"{path} is not ({error.strerror})", "free the space or permit it, or name another file"
        raise ResultsError("the figure must be writable", got=got, remedy=remedy) from error


def _picture(spec: dict[str, Any], ending: str) -> bytes:
    if ending == ".png":
        return vl_convert.vegalite_to_png(spec, scale=PNG_SCALE)
    return vl_convert.vegalite_to_pdf(spec) if ending == ".pdf" else vl_convert.vegalite_to_svg(spec).encode()


def _panel(comparison: Comparison, metric: str) -> Any:
    frame = metric_frame(comparison, metric)
    methods = [" ".join(map(str, row)) for row in comparison.rows]
    colours = alt.Scale(domain=methods, range=list(colours_of(methods).values()))
    headings, by = comparison.headings, comparison.by.replace("_", " ")
    colour = alt.Color("method:N", scale=colours, title=None, legend=alt.Legend(symbolOpacity=1))
    layers = interval_layers(frame, methods, headings, by, colour)
    return layers.properties(width=PANEL_WIDTH, height=PANEL_HEIGHT, title=metric_words(metric))
