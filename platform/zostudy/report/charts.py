"""The figures, in Vega-Lite: one description each gives the interactive chart, the PNG and the SVG."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import altair as alt
import pandas as pd

from zostudy.report.colours import colours_of

HEIGHT = 240

# Alike figures share these bounds, so that they can be compared by eye; the page drops them to look closer.
Bounds = tuple[float, float]

_UNIT = alt.Scale(domain=[0, 1], zero=False)
_FREE = alt.Scale(zero=False)
_THIN, _FAINT = 1, 0.5


class Charts:
    """Draws each method in one colour throughout; the parameter ``shown`` names the methods to draw, null for all."""

    def __init__(self, methods: Sequence[str], shown: Collection[str] | None = None) -> None:
        """Gives each method its colour.

        Args:
            methods: of all that is drawn on a page.
            shown: those that legends name; without it, all.
        """
        self.colours = {
            method: colour for method, colour in colours_of(methods).items() if shown is None or method in shown
        }
        scale = alt.Scale(domain=list(self.colours), range=list(self.colours.values()))
        self._colour = alt.Color("method:N", scale=scale, title=None)

    def intervals(
        self, frame: pd.DataFrame, headings: Sequence[str], by: str, title: str, bounds: Bounds | None = None
    ) -> Any:
        """Draws means as points and their intervals as bars, methods side by side at each value compared by.

        Args:
            frame: ``method, column, mean, low, high, seeds``.
            headings: the values of ``column``, in order.
            by: the axis' title.
            title: of the figure.
            bounds: of the axis; without them, those of its own values.
        """
        y_scale = shared(bounds) if bounds else _FREE
        layers = interval_layers(frame, list(self.colours), headings, by, self._colour, y_scale)
        return self._finished(layers, title)

    def seeds(self, frame: pd.DataFrame, x: str, y_title: str, title: str, bounds: Bounds) -> Any:
        """Draws a thin line a confirm trial, and the median of each method at each point as a thick one.

        Args:
            frame: ``method, trial, value`` and the axis' column.
            x: that column.
            y_title: of the axis.
            title: of the figure.
            bounds: of the axis.
        """
        base = alt.Chart(frame).encode(x=alt.X(f"{x}:Q", title=x), color=self._colour)
        thin = base.mark_line(strokeWidth=_THIN, opacity=_FAINT)
        thin = thin.encode(y=alt.Y("value:Q", title=y_title, scale=shared(bounds)), detail="trial:N")
        median = [alt.Tooltip("median(value):Q", title=f"median {y_title}", format=".4~g"), alt.Tooltip("count():Q")]
        thick = base.mark_line(strokeWidth=2.2, point=True)
        thick = thick.encode(y=alt.Y("median(value):Q", title=y_title), tooltip=[*tips(frame, "method", x), *median])
        return self._finished(alt.layer(thin, thick), title)

    def curves(self, frame: pd.DataFrame, title: str, x_title: str, y_title: str, dashed: Bounds) -> Any:
        """Draws one line a trial on the unit square, and a dashed one to hold them against.

        Args:
            frame: ``method, trial, x, y, order``.
            title: of the figure.
            x_title: of the axis.
            y_title: of the axis.
            dashed: its heights at the left and at the right.
        """
        interpolate: Any = "step-after" if x_title == "recall" else "linear"
        lines = alt.Chart(frame).mark_line(strokeWidth=1.2, opacity=0.8, interpolate=interpolate)
        lines = lines.encode(
            x=alt.X("x:Q", title=x_title, scale=_UNIT),
            y=alt.Y("y:Q", title=y_title, scale=_UNIT),
            color=self._colour,
            detail="trial:N",
            order="order:Q",
            tooltip=tips(frame, "method", "trial", "x", "y"),
        )
        straight = alt.Chart(pd.DataFrame({"x": (0, 1), "y": dashed})).mark_line(strokeDash=[4, 4], color="#888")
        return self._finished(alt.layer(straight.encode(x="x:Q", y="y:Q"), lines), title)

    def search(self, frame: pd.DataFrame, key: str, kind: str, bounds: Bounds) -> Any:
        """Draws dev AUC of the search trials against one hyperparameter, whose values are of an ``AxisKind``."""
        x = alt.X("value:Q", scale=alt.Scale(type="log") if kind == "log" else _FREE)
        if kind == "choice" or not _is_numeric(frame["value"]):
            x = alt.X("value:O").axis(labelAngle=0)
        chart = alt.Chart(frame).mark_circle(size=45)
        chart = chart.encode(
            x=x.title(key),
            y=alt.Y("dev_auc:Q", title="dev AUC", scale=shared(bounds)),
            color=self._colour,
            opacity=alt.value(0.75),
            tooltip=tips(frame, "method", "ratio", "trial", "value", "dev_auc"),
        )
        return self._finished(chart, f"dev AUC against {key}")

    def parallel(self, lines: pd.DataFrame, names: pd.DataFrame) -> Any:
        """Draws parallel coordinates; the frames are those of ``parallel_frame``."""
        keys = list(lines["key"].unique())
        axis = alt.Axis(labelAngle=-15, labelAlign="left", labelOverlap=False, orient="top", domain=False, grid=True)
        x = alt.X("key:N", title=None, axis=axis, scale=alt.Scale(type="point", domain=keys, padding=0.3))
        y = alt.Y("place:Q", axis=None, scale=alt.Scale(domainMin=-0.05, domainMax=1.05, nice=False))
        drawn = alt.Chart(lines).mark_line(strokeWidth=1.2, opacity=0.7)
        drawn = drawn.encode(
            x=x,
            y=y,
            color=self._colour,
            detail="trial:N",
            order="order:Q",
            tooltip=tips(lines, "method", "ratio", "trial", "key", "value", "dev_auc"),
        )
        text = alt.Chart(names).mark_text(align="left", dx=4, fontSize=10).encode(x=x, y=y, text="value:N")
        return self._finished(alt.layer(drawn, text), "configurations")

    def importances(self, frame: pd.DataFrame) -> Any:
        """Draws each hyperparameter's share of the variance, a point a cell."""
        chart = alt.Chart(frame).mark_point(filled=True, size=60)
        chart = chart.encode(
            x=alt.X("importance:Q", scale=_UNIT),
            y=alt.Y("key:N", title=None),
            color=self._colour,
            tooltip=tips(frame, "method", "ratio", "key", "importance", "trials"),
        )
        return self._finished(chart, "importance of the hyperparameters")

    def _finished(self, chart: Any, title: str) -> Any:
        named = alt.param(name="shown", value=None)
        toggled = chart.add_params(named).transform_filter(
            "!shown || !isDefined(datum.method) || indexof(shown, datum.method) >= 0"
        )
        return toggled.properties(width="container", height=HEIGHT, title=title)


def interval_layers(
    frame: pd.DataFrame,
    methods: Sequence[str],
    headings: Sequence[str],
    by: str,
    colour: alt.Color,
    y_scale: alt.Scale = _FREE,
) -> Any:
    """Returns the layers of ``Charts.intervals``."""
    base = alt.Chart(frame).encode(
        x=alt.X("column:N", scale=alt.Scale(domain=list(headings)), title=by).axis(labelAngle=0, grid=False),
        # Methods stand side by side, so that intervals do not hide each other.
        xOffset=alt.XOffset("method:N", scale=alt.Scale(domain=list(methods))),
        color=colour,
        tooltip=tips(frame, "method", "column", "mean", "low", "high", "seeds"),
    )
    y = alt.Y("mean:Q", scale=y_scale, title=None)
    lines, points = base.mark_line(strokeWidth=1.2, opacity=0.6).encode(y=y), base.mark_point(filled=True, size=40)
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    return alt.layer(lines, bars, points.encode(y=y, opacity=alt.value(1)))


def scalars(frame: pd.DataFrame, levels: pd.DataFrame, title: str, bounds: Bounds) -> Any:
    """Draws a, b and alpha over a run, and as dashed levels their optimum for the kept point's dev scores."""
    legend = alt.Legend(orient="bottom", title=None, symbolOpacity=1)
    colour = alt.Color("scalar:N", scale=alt.Scale(scheme="dark2"), legend=legend)
    lines = alt.Chart(frame).mark_line(strokeWidth=1.2)
    lines = lines.encode(
        x=alt.X("queries:Q"),
        y=alt.Y("value:Q", title=None, scale=shared(bounds)),
        color=colour,
        detail="trial:N",
        tooltip=tips(frame, "trial", "queries", "scalar", "value"),
    )
    rules = alt.Chart(levels).mark_rule(strokeDash=[4, 4], opacity=0.6)
    rules = rules.encode(y="value:Q", color=colour, tooltip=tips(levels, "trial", "scalar", "value"))
    layers = [lines, rules] if len(levels) else [lines]  # Vega complains of marks without data
    return alt.layer(*layers).properties(width="container", height=HEIGHT, title=title)


def tips(frame: pd.DataFrame, *names: str) -> list[Any]:
    """Returns the tooltip of a mark: words and counts as they are, other numbers in four figures."""
    return [
        alt.Tooltip(f"{name}:Q", format="," if name in _COUNTS else ".4~g")
        if _is_numeric(frame[name])
        else alt.Tooltip(f"{name}:N")
        for name in names
    ]


def shared(bounds: Bounds) -> alt.Scale:
    """Returns the scale of an axis with given bounds, which the page may drop: then it has those of its values."""
    return alt.Scale(domain=bounds, zero=False, nice=True)


def bounds_of(values: pd.Series[float]) -> Bounds:
    """Returns the least and the greatest value, as the bounds of an axis."""
    return float(values.min()), float(values.max())


def _is_numeric(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and values.dtype != bool)


_COUNTS = ("queries", "ratio", "seeds", "trials")
