"""The figures, in Vega-Lite: one description each gives the interactive chart, the PNG and the SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

# Okabe and Ito's colours, which the colour-blind can tell apart and which show on white and on near black.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#7F7F7F")
HEIGHT = 260


class Charts:
    """Draws with one colour a method throughout; the legend toggles methods."""

    def __init__(self, methods: Sequence[str]) -> None:
        """Gives each method its colour."""
        colours = [COLOURS[number % len(COLOURS)] for number in range(len(methods))]
        self._scale = alt.Scale(domain=list(methods), range=colours)
        self._toggle = alt.selection_point(name="toggled", fields=["method"], bind="legend", toggle="true")

    def banded(self, frame: pd.DataFrame, x: str, title: str, y_title: str) -> Any:
        """Draws means as a line with their intervals as a band, against queries or the imbalance ratio."""
        axis: Any = alt.X(f"{x}:Q", title=x.replace("_", " "))
        if x == "ratio":
            values = sorted(frame["ratio"].unique())
            axis = alt.X("ratio:Q", title="imbalance ratio", scale=alt.Scale(type="log", nice=False, padding=12))
            axis = axis.axis(values=values, format="~g")
        tips = [alt.Tooltip(f"{name}:{kind}") for name, kind in _TIPS.items() if name in frame] + [
            alt.Tooltip(f"{x}:Q")
        ]
        several = frame[x].nunique() > 1
        where = axis if several else alt.X("method:N", title=f"method, all at {x} {frame[x].iloc[0]:g}")
        base = alt.Chart(frame).encode(x=where, color=self._colour(), tooltip=tips)
        spread = base.mark_area() if several else base.mark_rule(strokeWidth=2)
        spread = spread.encode(
            y=alt.Y("low:Q", title=y_title), y2="high:Q", opacity=self._shown(0.15 if several else 0.8)
        )
        line = base.mark_line(point=True) if several else base.mark_point(filled=True, size=60)
        line = line.encode(y=alt.Y("mean:Q", title=y_title, scale=alt.Scale(zero=False)), opacity=self._shown())
        return self._finished(alt.layer(spread, line), title)

    def curves(self, frame: pd.DataFrame, title: str, x_title: str, y_title: str) -> Any:
        """Draws one line a confirm trial, on the unit square."""
        unit = alt.Scale(domain=[0, 1])
        chart = alt.Chart(frame).mark_line(
            strokeWidth=1.3, interpolate="step-after" if x_title == "recall" else "linear"
        )
        chart = chart.encode(
            x=alt.X("x:Q", title=x_title, scale=unit),
            y=alt.Y("y:Q", title=y_title, scale=unit),
            color=self._colour(),
            detail="trial:N",
            order="order:Q",
            opacity=self._shown(),
            tooltip=["method:N", "trial:N", "x:Q", "y:Q"],
        )
        return self._finished(chart, title)

    def search(self, frame: pd.DataFrame, key: str, log: bool) -> Any:
        """Draws dev AUC of the search trials against one hyperparameter."""
        numeric = pd.api.types.is_numeric_dtype(frame["value"]) and frame["value"].dtype != bool
        x = (
            alt.X("value:Q", scale=alt.Scale(type="log") if log else alt.Scale(zero=False))
            if numeric
            else alt.X("value:N")
        )
        chart = (
            alt.Chart(frame)
            .mark_circle(size=45)
            .encode(
                x=x.title(key),
                y=alt.Y("dev_auc:Q", title="dev AUC", scale=alt.Scale(zero=False)),
                color=self._colour(),
                opacity=self._shown(0.75),
                tooltip=["method:N", "ratio:Q", "trial:N", "value", "dev_auc:Q"],
            )
        )
        return self._finished(chart, f"dev AUC against {key}")

    def importances(self, frame: pd.DataFrame) -> Any:
        """Draws each hyperparameter's share of the variance, a point a cell."""
        chart = (
            alt.Chart(frame)
            .mark_point(filled=True, size=60)
            .encode(
                x=alt.X("importance:Q", scale=alt.Scale(domain=[0, 1])),
                y=alt.Y("key:N", title=None),
                color=self._colour(),
                opacity=self._shown(),
                tooltip=["method:N", "ratio:Q", "key:N", "importance:Q", "trials:Q"],
            )
        )
        return self._finished(chart, "importance of the hyperparameters")

    def auxiliary(self, frame: pd.DataFrame, levels: pd.DataFrame, title: str) -> Any:
        """Draws a, b and alpha over a run, and as dashed levels their optimum for the kept point's dev scores."""
        colour = alt.Color("scalar:N", scale=alt.Scale(range=list(COLOURS)), title="scalar")
        lines = (
            alt.Chart(frame)
            .mark_line(strokeWidth=1.2)
            .encode(
                x=alt.X("queries:Q"),
                y=alt.Y("value:Q", scale=alt.Scale(zero=False)),
                color=colour,
                detail="trial:N",
                tooltip=["trial:N", "queries:Q", "scalar:N", "value:Q"],
            )
        )
        rules = (
            alt.Chart(levels)
            .mark_rule(strokeDash=[4, 4], opacity=0.6)
            .encode(y="value:Q", color=colour, tooltip=["trial:N", "scalar:N", "value:Q"])
        )
        layers = [lines, rules] if len(levels) else [lines]  # Vega complains of marks without data
        return alt.layer(*layers).properties(width="container", height=HEIGHT, title=title)

    def _colour(self) -> Any:
        return alt.Color(
            "method:N", scale=self._scale, legend=alt.Legend(orient="bottom", title=None, columns=3, symbolOpacity=1)
        )

    def _shown(self, opacity: float = 1.0) -> Any:
        return alt.condition(self._toggle, alt.value(opacity), alt.value(0.04))

    def _finished(self, chart: Any, title: str) -> Any:
        return chart.add_params(self._toggle).properties(width="container", height=HEIGHT, title=title)


_TIPS = {"method": "N", "ratio": "Q", "mean": "Q", "low": "Q", "high": "Q", "seeds": "Q"}
