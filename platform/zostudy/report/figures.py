"""A comparison as one picture: PNG, SVG or PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from zostudy.errors import ResultsError
from zostudy.report.charts import colours_of
from zostudy.report.frames import metric_frame
from zostudy.results.comparison import Comparison

PANEL_WIDTH, PANEL_HEIGHT, PANELS_BESIDE, PNG_SCALE = 260, 220, 3, 2.0
ENDINGS = (".png", ".svg", ".pdf")


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draws each metric against what the cells are compared by: means as points, 95% intervals as bars.

    Args:
        comparison: from ``zostudy.compare``.
        path: the picture to write, PNG, SVG or PDF by its ending.

    Raises:
        ResultsError: the ending is another one, or the file cannot be written.
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
    frame = frame.assign(column=frame["ratio"].map(comparison.heading))
    methods = [" ".join(map(str, row)) for row in comparison.rows]
    colours = alt.Scale(domain=methods, range=list(colours_of(methods).values()))
    columns = alt.Scale(domain=[*map(comparison.heading, comparison.columns)])
    base = alt.Chart(frame).encode(
        x=alt.X("column:N", scale=columns, title=comparison.by.replace("_", " ")).axis(labelAngle=0),
        # Methods stand side by side, so that intervals do not hide each other.
        xOffset=alt.XOffset("method:N", scale=alt.Scale(domain=methods)),
        y=alt.Y("mean:Q", scale=alt.Scale(zero=False), title=None),
        color=alt.Color("method:N", scale=colours, title=None),
    )
    layers = (base.mark_line(), base.mark_rule().encode(y="low:Q", y2="high:Q"), base.mark_point(filled=True, size=40))
    return alt.layer(*layers).properties(width=PANEL_WIDTH, height=PANEL_HEIGHT, title=metric.replace("_", " "))
