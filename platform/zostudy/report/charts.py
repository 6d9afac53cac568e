"""The figures as Vega-Lite charts, from each of which the interactive chart, the PNG and the SVG are made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import cycle
from typing import Any

import altair as alt
import pandas as pd

COLOURS = {
    "bpt-fzg": "#0072B2",
    "bpt-fzg-sam": "#009E73",
    "cma-es": "#CC79A7",
    "cma-es-spsa": "#6A9A3A",
    "fzoo": "#D55E00",
    "linear-probe": "#8F8F2B",
    "mezo-momentum": "#7B6BD6",
    "no-prompt": "#A8A8A8",
    "r-adazo": "#2BA8A8",
    "random-search": "#A5794F",
    "sabo": "#D0454C",
    "spsa": "#56B4E9",
    "untuned": "#767676",
    "white-box": "#B59A1D",
    "zo-adamm": "#B583DB",
    "zosa": "#E69F00",
    "zosa-auc": "#EE8866",
}
"""The colour of each registered method in every figure. Each is visible on white and on black."""

HEIGHT = 240

# The bounds of an axis. Figures of one kind share them, so that they can be compared. The page can drop them.
AxisRange = tuple[float, float]

_UNIT = alt.Scale(domain=[0, 1], zero=False)
_FREE = alt.Scale(zero=False)
_THIN, _FAINT = 1, 0.5


class Charts:
    """Draws each method in its colour. The charts' parameter ``shown`` lists the methods to draw, null for all."""

    def __init__(self, methods: Sequence[str], shown: Collection[str] | None = None) -> None:
        """Gives each method of the page its colour; legends name the ``shown`` methods, or all."""
        self.colours = {
            method: colour for method, colour in colours_of(methods).items() if shown is None or method in shown
        }
        scale = alt.Scale(domain=list(self.colours), range=list(self.colours.values()))
        self._colour = alt.Color("method:N", scale=scale, title=None)

    def intervals(
        self, frame: pd.DataFrame, headings: Sequence[str], by: str, title: str, bounds: AxisRange | None = None
    ) -> Any:
        """Draws means as points and their intervals as bars, with the methods side by side at each column.

        Args:
            frame: ``method, column, mean, low, high, seeds``.
            headings: the values of ``column``, in order.
            by: title of the x axis.
            title: of the figure.
            bounds: of the y axis. Default: those of its values.
        """
        y_scale = shared(bounds) if bounds else _FREE
        layers = interval_layers(frame, list(self.colours), headings, by, self._colour, y_scale)
        return self._finished(layers, title)

    def seeds(self, frame: pd.DataFrame, x: str, y_title: str, title: str, bounds: AxisRange) -> Any:
        """Draws each confirm trial as a thin line, and the median of each method at each x as a thick line.

        ``frame`` holds ``method, trial, value`` and the column ``x``.
        """
        base = alt.Chart(frame).encode(x=alt.X(f"{x}:Q", title=x), color=self._colour)
        thin = base.mark_line(strokeWidth=_THIN, opacity=_FAINT)
        thin = thin.encode(y=alt.Y("value:Q", title=y_title, scale=shared(bounds)), detail="trial:N")
        median = [alt.Tooltip("median(value):Q", title=f"median {y_title}", format=".4~g"), alt.Tooltip("count():Q")]
        thick = base.mark_line(strokeWidth=2.2, point=True)
        thick = thick.encode(y=alt.Y("median(value):Q", title=y_title), tooltip=[*tips(frame, "method", x), *median])
        return self._finished(alt.layer(thin, thick), title)

    def curves(self, frame: pd.DataFrame, title: str, x_title: str, y_title: str, dashed: tuple[float, float]) -> Any:
        """Draws a line for each trial on the unit square, and a dashed line as reference.

        ``frame`` holds ``method, trial, x, y, order``, and ``dashed`` the reference's y at x = 0 and at x = 1.
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

    def search(self, frame: pd.DataFrame, key: str, kind: str, bounds: AxisRange) -> Any:
        """Draws dev AUC of the search trials against a hyperparameter; ``kind`` is an ``AxisKind``."""
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
        y = alt.Y("position:Q", axis=None, scale=alt.Scale(domainMin=-0.05, domainMax=1.05, nice=False))
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
        """Draws the importance of each hyperparameter, with a point for each cell."""
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
        # The methods are side by side, so that intervals do not hide each other.
        xOffset=alt.XOffset("method:N", scale=alt.Scale(domain=list(methods))),
        color=colour,
        tooltip=tips(frame, "method", "column", "mean", "low", "high", "seeds"),
    )
    y = alt.Y("mean:Q", scale=y_scale, title=None)
    lines, points = base.mark_line(strokeWidth=1.2, opacity=0.6).encode(y=y), base.mark_point(filled=True, size=40)
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    return alt.layer(lines, bars, points.encode(y=y, opacity=alt.value(1)))


def scalars(frame: pd.DataFrame, levels: pd.DataFrame, title: str, bounds: AxisRange) -> Any:
    """Draws a, b and alpha over a run, and as dashed lines their optimum for the kept point's dev scores."""
    legend = alt.Legend(orient="bottom", title=None, symbolOpacity=1, columns=3)
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
    layers = [lines, rules] if len(levels) else [lines]  # Vega warns of marks without data
    return alt.layer(*layers).properties(width="container", height=HEIGHT, title=title)


def tips(frame: pd.DataFrame, *names: str) -> list[Any]:
    """Returns the tooltip of a mark: words and counts in full, other numbers with four digits."""
    return [
        alt.Tooltip(f"{name}:Q", format="," if name in _COUNTS else ".4~g")
        if _is_numeric(frame[name])
        else alt.Tooltip(f"{name}:N")
        for name in names
    ]


def shared(bounds: AxisRange) -> alt.Scale:
    """Returns the scale of an axis with these bounds."""
    return alt.Scale(domain=bounds, zero=False, nice=True)


def bounds_of(values: pd.Series[float]) -> AxisRange:
    """Returns the least and the greatest value, as the bounds of an axis."""
    return float(values.min()), float(values.max())


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    """Returns a colour for each label: a registered method's own one, and free ones for others in alphabetical order.

    If the labels outnumber the colours, colours repeat.
    """
    named = list(dict.fromkeys(labels))
    left = [colour for method, colour in COLOURS.items() if method not in named]
    others = sorted(label for label in named if label not in COLOURS)
    found = COLOURS | dict(zip(others, cycle(left or COLOURS.values())))
    return {label: found[label] for label in named}


def _is_numeric(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and values.dtype != bool)


_COUNTS = ("queries", "ratio", "seeds", "trials")
