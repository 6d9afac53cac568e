"""How the methods compare: the tables of ``zostudy compare``, and their metrics, curves and progress drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import pandas as pd

from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.parts import Figure, Section, none_drawn, span
from zostudy.results.compare import compare
from zostudy.results.comparison import Comparison
from zostudy.results.comparison_tables import comparison_tables
from zostudy.results.losses import study_notes
from zostudy.results.reading import Results

ANYTIME = ("dev_auc", "dev_balanced_accuracy", "dev_minority_recall")
CURVES = {
    "roc": ("ROC", "false positive rate", "true positive rate"),
    "precision-recall": ("Precision-recall", "recall", "precision"),
}
BAND = "the band is Student's 95% interval, cut at 0 and 1"


def comparison_section(results: Results, baseline: str | None, charts: Charts) -> Section:
    """Returns what ``zostudy compare`` prints of the confirm trials so far, each metric drawn against the ratio.

    Raises:
        ResultsError: the baseline is none of the study's methods.
    """
    if not (results.trials["stage"] == "confirm").any():
        return Section("Comparison", note="No confirm trial has ended yet; the comparison comes with the first ones.")
    comparison = compare(results, baseline=baseline)
    said_above = study_notes(results.storages)
    comparison = replace(comparison, notes=tuple(note for note in comparison.notes if note not in said_above))
    return Section(
        "Comparison", tables=tuple(comparison_tables(comparison)), figures=tuple(_metrics(comparison, charts))
    )


def anytime_section(confirm: pd.DataFrame, history: pd.DataFrame, charts: Charts) -> Section:
    """Returns how the kept point's dev metrics go with the queries spent, a figure a ratio and metric."""
    figures = {metric: tuple(_anytime(confirm, history, metric, charts)) for metric in ANYTIME}
    note = none_drawn(confirm, history, "history")
    missing = [_words(metric) for metric in ANYTIME if not figures[metric]]
    if missing and not note:
        note = f"Not drawn: {', '.join(missing)}; an earlier zostudy ran this study, which did not store them."
    return Section("Against queries", note=note, figures=tuple(chain.from_iterable(figures.values())))


def curves_section(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Section:
    """Returns ROC and precision-recall curves of two-class confirm trials, two figures a ratio."""
    note = none_drawn(confirm, scores, "scores")
    if note or frames.n_classes(scores) != 2:
        note = note or f"Drawn of tasks with two classes alone; this one has {frames.n_classes(scores)}."
        return Section("ROC and precision-recall", note=note)
    left_out = len(confirm) - sum(1 for _ in frames.two_class(confirm, scores, "test"))
    note = f"Left out: {left_out} confirm trials with no test scores, or of one class alone." if left_out else ""
    return Section("ROC and precision-recall", note=note, figures=tuple(_curves(confirm, scores, charts)))


def _metrics(comparison: Comparison, charts: Charts) -> Iterator[Figure]:
    for metric in comparison.metrics:
        words = _words(metric)
        frame = frames.metric_frame(comparison, metric)
        if len(frame):
            seeds = span(frame["seeds"])
            caption = f"Mean over {seeds} confirm seeds; {BAND}."
            chart = charts.banded(frame, "ratio", words, words, share=True)
            yield Figure(f"{metric}-by-ratio", chart, caption)


def _anytime(confirm: pd.DataFrame, history: pd.DataFrame, metric: str, charts: Charts) -> Iterator[Figure]:
    words = _words(metric)
    what = "Best dev AUC so far" if metric == "dev_auc" else f"{words} of the point with the best dev AUC so far"
    for ratio, frame in frames.anytime_frame(confirm, history, metric).groupby("ratio"):
        caption = (
            f"{what[0].upper()}{what[1:]}, mean over {span(frame['seeds'])} confirm seeds; {BAND}. The kept point is "
            "chosen on dev, so test scores may be lower."
        )
        chart = charts.banded(frame, "queries", f"{words}, ratio {ratio:g}", words, share=True)
        yield Figure(f"anytime-{metric}-ratio-{ratio:g}", chart, caption)


def _curves(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    for kind, (words, x, y) in CURVES.items():
        frame = frames.curve_frame(confirm, scores, kind)
        for ratio, cell in frame.groupby("ratio"):
            caption = f"{words} on test, one line for each of {cell['trial'].nunique()} confirm trials; no band."
            yield Figure(f"{kind}-ratio-{ratio:g}", charts.curves(cell, f"{words}, ratio {ratio:g}", x, y), caption)


def _words(metric: str) -> str:
    return metric.replace("_", " ").replace("auc", "AUC")
