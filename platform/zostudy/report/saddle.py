"""The saddle of AUC maximisation made visible: its scalars over a run, beside where they would be at rest."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.parts import Figure, Section, none_drawn

_DASHED = (
    "Dashed: the saddle for the kept point's dev scores, a and b the mean probability of the minority and of the "
    "other class, alpha = margin + b - a. The scalars follow training batches, so they need not meet it."
)


def saddle_section(confirm: pd.DataFrame, history: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Section:
    """Returns the auxiliary scalars of the confirm trials, a figure a method and ratio."""
    figures = tuple(_figures(confirm, history, scores, charts))
    none = none_drawn(confirm, history, "history") or "No method here keeps such scalars, as those of objective auc do."
    return Section("The saddle of AUC maximisation", note="" if figures else none, figures=figures)


def _figures(confirm: pd.DataFrame, history: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    values, levels = frames.auxiliary_frame(confirm, history), frames.saddle_frame(confirm, scores)
    for (method, ratio), frame in values.groupby(["method", "ratio"]):
        level = levels[(levels["method"] == method) & (levels["ratio"] == ratio)]
        caption = f"Auxiliary scalars over {frame['trial'].nunique()} confirm trials; no band."
        if len(level):
            caption = f"{caption} {_DASHED}"
        title = f"{method}, ratio {ratio:g}"
        yield Figure(f"saddle-{method}-{ratio:g}", charts.auxiliary(frame, level, title), caption)
