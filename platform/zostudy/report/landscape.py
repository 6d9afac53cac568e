"""The loss around the points that the confirm trials kept: slices, planes, and their sharpness."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from zostudy.report.charts import AxisRange, Charts, bounds_of, tips
from zostudy.report.frames import with_method_and_ratio
from zostudy.report.parts import Figure, ReportSection, reason_not_drawn, short
from zostudy.results.comparison.statistics import bounded_interval, t_interval
from zostudy.results.table_formats import Table

LANDSCAPE = "Loss landscape"
TILES_IN_A_ROW, TILE_HEIGHT = 3, 130
# The gap between tiles and the height of a tile's name, as shares of the tile.
GAP, HEADING = 0.06, 0.16

_CELL = ["method", "imbalance_ratio"]
_LEAST = {"sharpness": -inf, "loss": 0.0, "norm": 0.0}
"""The columns of the table, each with its lowest possible value."""

_NOTE = (
    "The loss is the training cross-entropy around the points that the confirm trials kept, for every objective. "
    "Distances are in latent units: 1 along a random direction moves each prompt entry by about the spread of the "
    "model's token embeddings, times prompt_scale. Sharpness is the mean rise at distance 1. Flat is not better by "
    "itself: loss can be flat where it is high, and a model that normalises its inputs is flat around any long prompt. "
    "So read sharpness beside the loss and the distance from the start."
)
_CAPTION = (
    "Sharpness: mean rise of the training loss at distance 1; bars are Student's 95% intervals over confirm seeds. "
    "Slices: the rise along random directions from the kept point (0); thin: a confirm seed, mean of its two "
    "directions; thick: the median over seeds."
)
_NOT_EVALUATED = (
    "The loss around the kept points was not evaluated: the study sets confirm: {landscape: false}, or an earlier "
    "zostudy ran it."
)


def landscape_section(confirm: pd.DataFrame, landscape: pd.DataFrame, charts: Charts) -> ReportSection:
    """Returns sharpness, slices and planes of the complete confirm trials that have rows in the table ``landscape``."""
    seen = confirm[confirm["trial"].isin(landscape["trial"])]
    if confirm.empty or (seen.empty and confirm["sharpness"].notna().any()):
        return ReportSection(LANDSCAPE, note=reason_not_drawn(confirm, landscape, "landscape"))
    if seen.empty:
        return ReportSection(LANDSCAPE, note=_NOT_EVALUATED)
    figures = (*_sharpness(seen, charts), *_slices(seen, landscape, charts), *_planes(seen, landscape))
    return ReportSection(LANDSCAPE, note=_NOTE, tables=(_table(seen, landscape),), figures=figures)


def sharpness_frame(confirm: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, column, mean, low, high, seeds``: t intervals of sharpness; ``column`` is the ratio as text."""
    rows = [
        {"method": method, "column": f"{ratio:g}", "seeds": len(seeds)} | t_interval(seeds).band
        for (method, ratio), seeds in confirm.dropna(subset=["sharpness"]).groupby(_CELL)["sharpness"]
    ]
    return pd.DataFrame(rows, columns=["method", "column", "mean", "low", "high", "seeds"])


def slice_frame(confirm: pd.DataFrame, landscape: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, distance, trial, value``: the rise of the loss above that of the kept point.

    It is the mean over the trial's two directions. Points without a finite loss have no row.
    """
    on_axes = _rises(confirm, landscape[(landscape["x"] == 0) | (landscape["y"] == 0)])
    by = ["method", "ratio", "distance", "trial"]
    rises = on_axes.assign(distance=on_axes["x"] + on_axes["y"]).groupby(by)["rise"].mean()
    return rises.rename("value").reset_index()


def plane_frame(confirm: pd.DataFrame, landscape: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, x, y, loss, rise`` of the trials with a plane, for points with a finite loss."""
    whole = landscape.loc[(landscape["x"] != 0) & (landscape["y"] != 0), "trial"].unique()
    planes = _rises(confirm, landscape[landscape["trial"].isin(whole)])
    return planes[["method", "ratio", "x", "y", "loss", "rise"]].round({"loss": 5, "rise": 5})


def _sharpness(confirm: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    frame = sharpness_frame(confirm)
    if len(frame):
        headings = [f"{ratio:g}" for ratio in sorted(confirm["imbalance_ratio"].unique())]
        chart = charts.intervals(frame, headings, "imbalance ratio", "sharpness")
        yield Figure("sharpness-by-ratio", chart, _CAPTION)


def _slices(confirm: pd.DataFrame, landscape: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    frame = slice_frame(confirm, landscape)
    for ratio, cell in frame.groupby("ratio"):
        title = f"slices of the loss, ratio {ratio:g}"
        chart = charts.seeds(cell, "distance", "rise of the loss", title, bounds_of(frame["value"]))
        yield Figure(f"loss-slices-ratio-{ratio:g}", chart, _CAPTION)


def _planes(confirm: pd.DataFrame, landscape: pd.DataFrame) -> Iterator[Figure]:
    planes = plane_frame(confirm, landscape)
    for ratio, frame in planes.groupby("ratio"):
        reach = frame["x"].max()
        caption = (
            "Rise of the training loss above the kept point (the cross), of each method's first confirm trial, in the "
            f"plane of its two random directions, {reach:g} each way; one scale for all."
        )
        chart = _tiles(frame, f"planes of the loss, ratio {ratio:g}", bounds_of(planes["rise"]))
        yield Figure(f"loss-planes-ratio-{ratio:g}", chart, caption, by_method=False)


def _tiles(frame: pd.DataFrame, title: str, bounds: AxisRange) -> Any:
    """Draws the plane of each method as a tile. All tiles share one pair of hidden axes, so they fill the width."""
    methods = sorted(frame["method"].unique())
    tiles = pd.DataFrame({"method": methods, "number": range(len(methods))})
    tiles["right"] = tiles["number"] % TILES_IN_A_ROW * (1 + GAP) + 0.5
    tiles["down"] = tiles["number"] // TILES_IN_A_ROW * (1 + HEADING) + 0.5
    tiles["top"] = tiles["down"] - 0.5
    width, height = tiles["right"].max() + 0.5, tiles["down"].max() + 0.5
    across = alt.X("left_edge:Q", axis=None, scale=alt.Scale(domainMin=0, domainMax=width, nice=False))
    down = alt.Y(
        "upper_edge:Q", axis=None, scale=alt.Scale(domainMin=-HEADING, domainMax=height, nice=False, reverse=True)
    )
    legend = alt.Legend(orient="bottom", title="rise of the loss", padding=12)
    cells = alt.Chart(_cells(frame, tiles)).mark_rect()
    cells = cells.encode(
        x=across,
        x2="right_edge:Q",
        y=down,
        y2="lower_edge:Q",
        color=alt.Color("rise:Q", scale=alt.Scale(scheme="viridis", domain=bounds), legend=legend),
        tooltip=tips(frame, "method", "x", "y", "loss", "rise"),
    )
    named = alt.Chart(tiles).encode(x="right:Q")
    names = named.mark_text(baseline="bottom", dy=-2, limit=110).encode(y="top:Q", text="method:N")
    centres = named.mark_point(shape="cross", filled=True, color="white", size=30).encode(y="down:Q")
    return alt.layer(cells, names, centres).properties(width="container", height=TILE_HEIGHT * height, title=title)


def _cells(frame: pd.DataFrame, tiles: pd.DataFrame) -> pd.DataFrame:
    """Returns the frame with the edges of each point's square, y upwards, in its method's tile of width 1."""
    step, reach = frame.loc[frame["x"] > 0, "x"].min(), frame["x"].max()
    side = step / (2 * reach + step)
    placed = frame.merge(tiles, on="method")
    left, upper = (placed["x"] / step - 0.5) * side, (-placed["y"] / step - 0.5) * side
    placed["left_edge"], placed["upper_edge"] = placed["right"] + left, placed["down"] + upper
    placed["right_edge"], placed["lower_edge"] = placed["left_edge"] + side, placed["upper_edge"] + side
    return placed[[*frame.columns, "left_edge", "right_edge", "upper_edge", "lower_edge"]].round(5)


def _table(confirm: pd.DataFrame, landscape: pd.DataFrame) -> Table:
    norms = [float(np.linalg.norm(latent)) / len(latent) ** 0.5 for latent in confirm["latent"]]
    confirm = confirm.assign(loss=confirm["trial"].map(_kept_losses(landscape)), norm=norms)
    rows = []
    for (method, ratio), cell in confirm.groupby(_CELL):
        spreads = [_with_spread(cell[column].dropna(), low) for column, low in _LEAST.items()]
        rows.append((str(method), f"{ratio:g}", *spreads, str(len(cell))))
    columns = ("method", "ratio", "sharpness", "loss at the kept point", "distance from the start", "seeds")
    return Table(columns, tuple(rows), "Sharpness: mean (95% interval) over confirm seeds")


def _with_spread(values: pd.Series[float], low: float) -> str:
    interval = bounded_interval(values, (low, inf))
    if interval.mean is None:
        return "not finite"
    return short(interval.mean) if interval.low is None else f"{interval:.3g}"


def _rises(confirm: pd.DataFrame, landscape: pd.DataFrame) -> pd.DataFrame:
    """Returns the points with a finite loss, with ``method``, ``ratio`` and their ``rise`` above the kept point."""
    rise = landscape["loss"] - landscape["trial"].map(_kept_losses(landscape))
    return with_method_and_ratio(confirm, landscape.assign(rise=rise).dropna(subset=["rise"]))


def _kept_losses(landscape: pd.DataFrame) -> pd.Series[float]:
    """Returns the loss at the kept point of each trial, by the trial's name."""
    return landscape[(landscape["x"] == 0) & (landscape["y"] == 0)].set_index("trial")["loss"]
