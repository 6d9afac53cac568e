"""How the methods compare: the tables of ``zostudy compare``, and their metrics, curves and progress drawn."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.parts import Figure, Section, span
from zostudy.results.compare import compare
from zostudy.results.comparison import Comparison
from zostudy.results.comparison_tables import comparison_tables

ANYTIME = ("dev_auc", "dev_balanced_accuracy", "dev_minority_recall")
CURVES = {"roc": ("false positive rate", "true positive rate"), "precision-recall": ("recall", "precision")}


def comparison_section(trials: pd.DataFrame, baseline: str | None, charts: Charts) -> Section:
    """Returns what ``zostudy compare`` prints of the confirm trials so far, each metric drawn against the ratio.

    Raises:
        ResultsError: the baseline is none of the study's methods.
    """
    if not (trials["stage"] == "confirm").any():
        return Section("Comparison", note="No confirm trial has ended yet; the comparison comes with the first ones.")
    comparison = compare(trials, baseline=baseline)
    return Section(
        "Comparison", tables=tuple(comparison_tables(comparison)), figures=tuple(_metrics(comparison, charts))
    )


def anytime_section(confirm: pd.DataFrame, history: pd.DataFrame, charts: Charts) -> Section:
    """Returns how the kept point's dev metrics go with the queries spent, a figure a ratio and metric."""
    figures = [figure for metric in ANYTIME for figure in _anytime(confirm, history, metric, charts)]
    return Section("Against queries", figures=tuple(figures))


def curves_section(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Section:
    """Returns ROC and precision-recall curves of two-class confirm trials, two figures a ratio."""
    figures = tuple(_curves(confirm, scores, charts))
    note = "" if figures else "These curves are drawn of tasks with two classes."
    return Section("ROC and precision-recall", note=note, figures=figures)


def _metrics(comparison: Comparison, charts: Charts) -> Iterator[Figure]:
    for metric in comparison.metrics:
        words = metric.replace("_", " ")
        frame = frames.metric_frame(comparison, metric)
        if len(frame):
            seeds = span(frame["seeds"])
            caption = f"Mean over {seeds} confirm seeds; the band is Student's 95% interval and may pass 1."
            yield Figure(f"{metric}-by-ratio", charts.banded(frame, "ratio", words, words), caption)


def _anytime(confirm: pd.DataFrame, history: pd.DataFrame, metric: str, charts: Charts) -> Iterator[Figure]:
    words = metric.replace("_", " ").replace("auc", "AUC")
    what = "Best dev AUC so far" if metric == "dev_auc" else f"{words} of the point with the best dev AUC so far"
    for ratio, frame in frames.anytime_frame(confirm, history, metric).groupby("ratio"):
        caption = (
            f"{what[0].upper()}{what[1:]}, mean over {span(frame['seeds'])} confirm seeds; the band is Student's 95% "
            "interval. The kept point is chosen on dev, so test scores may be lower."
        )
        chart = charts.banded(frame, "queries", f"{words}, ratio {ratio:g}", words)
        yield Figure(f"anytime-{metric}-ratio-{ratio:g}", chart, caption)


def _curves(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    for kind, (x, y) in CURVES.items():
        frame = frames.curve_frame(confirm, scores, kind)
        for ratio, cell in frame.groupby("ratio"):
            caption = f"{kind} on test, one line for each of {cell['trial'].nunique()} confirm trials; no band."
            yield Figure(f"{kind}-ratio-{ratio:g}", charts.curves(cell, f"{kind}, ratio {ratio:g}", x, y), caption)
