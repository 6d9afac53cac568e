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
from zostudy.results.comparison.comparison import Comparison

PANEL_WIDTH, PANEL_HEIGHT, PANELS_BESIDE, PNG_SCALE = 260, 220, 3, 2.0
ENDINGS = (".png", ".svg", ".pdf")


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draws a panel for each metric, with means as points and 95% intervals as bars; the ending gives the format.

    Raises:
        ResultsError: the ending is not .png, .svg or .pdf, or the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ResultsError(f"a figure must end in {', '.join(ENDINGS)}", got=f"got {path}", remedy="rename it")
    with alt.data_transformers.enable("default", max_rows=None):
        spec = alt.concat(
            *(_panel(comparison, metric) for metric in comparison.metrics), columns=PANELS_BESIDE
        ).to_dict()
    try:
        path.write_bytes(_picture(spec | {"background": "white"}, ending))
    except OSError as error:
        raise ResultsError("the figure must be writable", got=f"{path} is not ({error.strerror})") from error


def _picture(spec: dict[str, Any], ending: str) -> bytes:
    if ending == ".png":
        return vl_convert.vegalite_to_png(spec, scale=PNG_SCALE)
    return vl_convert.vegalite_to_pdf(spec) if ending == ".pdf" else vl_convert.vegalite_to_svg(spec).encode()


def _panel(comparison: Comparison, metric: str) -> Any:
    frame = metric_frame(comparison, metric)
    methods = [" ".join(map(str, row)) for row in comparison.rows]
    colours = alt.Scale(domain=methods, range=list(colours_of(methods).values()))
    headings, by = [*map(comparison.heading, comparison.columns)], comparison.by.replace("_", " ")
    colour = alt.Color("method:N", scale=colours, title=None, legend=alt.Legend(symbolOpacity=1))
    layers = interval_layers(frame, methods, headings, by, colour)
    return layers.properties(width=PANEL_WIDTH, height=PANEL_HEIGHT, title=metric_words(metric))
