"""The figures, in Vega-Lite: one description each gives the interactive chart, the PNG and the SVG."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import altair as alt
import pandas as pd

# Okabe and Ito's colours, which the colour-blind can tell apart and which show on white and on near black.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#7F7F7F")
HEIGHT = 260

_UNIT = alt.Scale(domain=[0, 1])
_FREE = alt.Scale(zero=False)


class Charts:
    """Draws each method in one colour throughout; the legend toggles methods."""

    def __init__(self, methods: Sequence[str], shown: Collection[str] | None = None) -> None:
        """Gives each method its colour, by its position among all of them.

        Args:
            methods: of all that is drawn on a page.
            shown: those that legends name; without it, all.
        """
        colours = colours_of(methods)
        named = [method for method in methods if shown is None or method in shown]
        scale = alt.Scale(domain=named, range=[colours[method] for method in named])
        legend = alt.Legend(orient="bottom", title=None, columns=3, symbolOpacity=1)
        self._colour = alt.Color("method:N", scale=scale, legend=legend)
        self._toggle = alt.selection_point(name="toggled", fields=["method"], bind="legend", toggle="true")

    def banded(self, frame: pd.DataFrame, x: str, title: str, y_title: str) -> Any:
        """Draws means as a line with their intervals as a band, against queries or the imbalance ratio.

        With a single value on the axis, it draws points and bars, a method beside another.

        Args:
            frame: ``method, mean, low, high, seeds`` and the axis' column.
            x: that column.
            title: of the figure.
            y_title: of the axis.
        """
        shown = tips(frame, *dict.fromkeys(name for name in (*_OF_A_BAND, x) if name in frame))
        several = frame[x].nunique() > 1
        where = _axis(frame, x) if several else alt.X("method:N", title=f"method, all at {x} {frame[x].iloc[0]:g}")
        base = alt.Chart(frame).encode(x=where, color=self._colour, tooltip=shown)
        spread = base.mark_area() if several else base.mark_rule(strokeWidth=2)
        spread = spread.encode(
            y=alt.Y("low:Q", title=y_title), y2="high:Q", opacity=alt.value(0.15 if several else 0.8)
        )
        line = base.mark_line(point=True) if several else base.mark_point(filled=True, size=60)
        line = line.encode(y=alt.Y("mean:Q", title=y_title, scale=_FREE))
        return self._finished(alt.layer(spread, line), title)

    def curves(self, frame: pd.DataFrame, title: str, x_title: str, y_title: str) -> Any:
        """Draws one line a confirm trial, on the unit square."""
        interpolate: Any = "step-after" if x_title == "recall" else "linear"
        chart = alt.Chart(frame).mark_line(strokeWidth=1.3, interpolate=interpolate)
        chart = chart.encode(
            x=alt.X("x:Q", title=x_title, scale=_UNIT),
            y=alt.Y("y:Q", title=y_title, scale=_UNIT),
            color=self._colour,
            detail="trial:N",
            order="order:Q",
            tooltip=tips(frame, "method", "trial", "x", "y"),
        )
        return self._finished(chart, title)

    def search(self, frame: pd.DataFrame, key: str, log: bool) -> Any:
        """Draws dev AUC of the search trials against one hyperparameter."""
        scale = alt.Scale(type="log") if log else _FREE
        x = alt.X("value:Q", scale=scale) if _is_numeric(frame["value"]) else alt.X("value:N")
        chart = alt.Chart(frame).mark_circle(size=45)
        chart = chart.encode(
            x=x.title(key),
            y=alt.Y("dev_auc:Q", title="dev AUC", scale=_FREE),
            color=self._colour,
            opacity=alt.value(0.75),
            tooltip=tips(frame, "method", "ratio", "trial", "value", "dev_auc"),
        )
        return self._finished(chart, f"dev AUC against {key}")

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

    def auxiliary(self, frame: pd.DataFrame, levels: pd.DataFrame, title: str) -> Any:
        """Draws a, b and alpha over a run, and as dashed levels their optimum for the kept point's dev scores."""
        colour = alt.Color("scalar:N", scale=alt.Scale(range=list(COLOURS)), title="scalar")
        lines = alt.Chart(frame).mark_line(strokeWidth=1.2)
        lines = lines.encode(
            x=alt.X("queries:Q"),
            y=alt.Y("value:Q", scale=_FREE),
            color=colour,
            detail="trial:N",
            tooltip=tips(frame, "trial", "queries", "scalar", "value"),
        )
        rules = alt.Chart(levels).mark_rule(strokeDash=[4, 4], opacity=0.6)
        rules = rules.encode(y="value:Q", color=colour, tooltip=tips(levels, "trial", "scalar", "value"))
        layers = [lines, rules] if len(levels) else [lines]  # Vega complains of marks without data
        return alt.layer(*layers).properties(width="container", height=HEIGHT, title=title)

    def _finished(self, chart: Any, title: str) -> Any:
        toggled = chart.add_params(self._toggle).transform_filter(self._toggle)
        return toggled.properties(width="container", height=HEIGHT, title=title)


def colours_of(methods: Sequence[str]) -> dict[str, str]:
    """Returns a colour a method; after the last colour they begin anew."""
    return {method: COLOURS[number % len(COLOURS)] for number, method in enumerate(methods)}


def tips(frame: pd.DataFrame, *names: str) -> list[Any]:
    """Returns the tooltip of a mark: words and counts as they are, other numbers in four figures."""
    return [
        alt.Tooltip(f"{name}:Q", format="," if name in _COUNTS else ".4~g")
        if _is_numeric(frame[name])
        else alt.Tooltip(f"{name}:N")
        for name in names
    ]


def _axis(frame: pd.DataFrame, x: str) -> Any:
    if x != "ratio":
        return alt.X(f"{x}:Q", title=x.replace("_", " "))
    axis: Any = alt.X("ratio:Q", title="imbalance ratio", scale=alt.Scale(type="log", nice=False, padding=12))
    return axis.axis(values=sorted(frame["ratio"].unique()), format="~g")


def _is_numeric(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and values.dtype != bool)


_OF_A_BAND = ("method", "ratio", "mean", "low", "high", "seeds")
_COUNTS = ("queries", "ratio", "seeds", "trials")
