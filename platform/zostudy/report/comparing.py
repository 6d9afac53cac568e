"""The comparison of methods: the tables of ``zostudy compare``, and their metrics, curves and progress drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import pandas as pd

from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.parts import Figure, ReportSection, none_drawn, span
from zostudy.results.compare import compare
from zostudy.results.comparison import Comparison
from zostudy.results.comparison_tables import comparison_tables, reference_note
from zostudy.results.losses import study_notes
from zostudy.results.results import Results

ANYTIME = ("dev_auc", "dev_balanced_accuracy", "dev_minority_recall")
CURVES = {
    "roc": ("ROC", "false positive rate", "true positive rate"),
    "precision-recall": ("Precision-recall", "recall", "precision"),
}

_BAND = "the band is the 95% interval"
_DASHED = (
    "Dashed: the saddle for the kept point's dev scores, a and b the mean probability of the minority and of the "
    "other class, alpha = margin + b - a. The scalars follow training batches, so they need not meet it."
)
_GUESSED = (
    "This study did not store which class is the positive one. It is taken to be the class whose average precision is "
    "the stored AUPRC."
)


def comparison_section(results: Results, baseline: str | None, charts: Charts) -> ReportSection:
    """Returns the tables of ``zostudy compare`` for the confirm trials so far, each metric drawn against the ratio.

    Raises:
        ResultsError: the study has no method of the baseline's label.
    """
    if not (results.trials["stage"] == "confirm").any():
        note = "No confirm trial has ended yet; the comparison comes with the first ones."
        return ReportSection("Comparison", note=note)
    comparison = compare(results, baseline=baseline)
    in_summary = study_notes(results.storages)
    comparison = replace(comparison, notes=tuple(note for note in comparison.notes if note not in in_summary))
    figures = tuple(_metrics(comparison, charts))
    return ReportSection("Comparison", tables=tuple(comparison_tables(comparison)), figures=figures)


def anytime_section(confirm: pd.DataFrame, history: pd.DataFrame, charts: Charts) -> ReportSection:
    """Returns the kept point's dev metrics against the queries spent, a figure a ratio and metric."""
    figures = {metric: list(_anytime(confirm, history, metric, charts)) for metric in ANYTIME}
    note = none_drawn(confirm, history, "history")
    missing = [_words(metric) for metric in ANYTIME if not figures[metric]]
    if missing and not note:
        note = f"Not drawn: {', '.join(missing)}; an earlier zostudy ran this study, which did not store them."
    return ReportSection("Against queries", note=note, figures=tuple(chain.from_iterable(figures.values())))


def curves_section(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> ReportSection:
    """Returns ROC and precision-recall curves of two-class confirm trials, two figures a ratio."""
    title, note = "ROC and precision-recall", none_drawn(confirm, scores, "scores")
    if not note and frames.n_classes(scores) != 2:
        note = f"Drawn of tasks with two classes alone; this one has {frames.n_classes(scores)}."
    if note:
        return ReportSection(title, note=note)
    left_out = len(confirm) - sum(1 for _ in frames.two_class(confirm, scores, "test"))
    notes = [
        f"Left out: {left_out} confirm trials with no test scores, or of one class alone." if left_out else "",
        _GUESSED if confirm["positive_class"].isna().any() else "",
    ]
    return ReportSection(title, note=" ".join(filter(None, notes)), figures=tuple(_curves(confirm, scores, charts)))


def saddle_section(confirm: pd.DataFrame, history: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> ReportSection:
    """Returns the scalars a, b and alpha of AUC maximisation over a run, a figure a method and ratio."""
    figures = tuple(_saddles(confirm, history, scores, charts))
    none = none_drawn(confirm, history, "history") or "No method here keeps such scalars, as those of objective auc do."
    return ReportSection("The saddle of AUC maximisation", note="" if figures else none, figures=figures)


def _metrics(comparison: Comparison, charts: Charts) -> Iterator[Figure]:
    for metric in comparison.metrics:
        frame = frames.metric_frame(comparison, metric)
        if len(frame):
            caption = f"Mean over {span(frame['seeds'])} confirm seeds; {_BAND}."
            if comparison.references:
                caption = f"{caption} References: {reference_note(comparison)}"
            chart = charts.banded(frame, "ratio", _words(metric), _words(metric))
            yield Figure(f"{metric}-by-ratio", chart, caption)


def _anytime(confirm: pd.DataFrame, history: pd.DataFrame, metric: str, charts: Charts) -> Iterator[Figure]:
    words = _words(metric)
    drawn = "Best dev AUC so far" if metric == "dev_auc" else f"{words} of the point with the best dev AUC so far"
    for ratio, frame in frames.anytime_frame(confirm, history, metric).groupby("ratio"):
        caption = (
            f"{drawn[0].upper()}{drawn[1:]}, mean over {span(frame['seeds'])} confirm seeds; {_BAND}. The kept point "
            "is chosen on dev, so test scores may be lower."
        )
        chart = charts.banded(frame, "queries", f"{words}, ratio {ratio:g}", words)
        yield Figure(f"anytime-{metric}-ratio-{ratio:g}", chart, caption)


def _curves(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    for kind, (words, x, y) in CURVES.items():
        frame = frames.curve_frame(confirm, scores, kind)
        for ratio, cell in frame.groupby("ratio"):
            caption = f"{words} on test, one line for each of {cell['trial'].nunique()} confirm trials; no band."
            yield Figure(f"{kind}-ratio-{ratio:g}", charts.curves(cell, f"{words}, ratio {ratio:g}", x, y), caption)


def _saddles(confirm: pd.DataFrame, history: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    values, levels = frames.auxiliary_frame(confirm, history), frames.saddle_frame(confirm, scores)
    for (method, ratio), frame in values.groupby(["method", "ratio"]):
        level = levels[(levels["method"] == method) & (levels["ratio"] == ratio)]
        caption = f"Auxiliary scalars over {frame['trial'].nunique()} confirm trials; no band."
        if len(level):
            caption = f"{caption} {_DASHED}"
        title = f"{method}, ratio {ratio:g}"
        yield Figure(f"saddle-{method}-{ratio:g}", charts.auxiliary(frame, level, title), caption)


def _words(metric: str) -> str:
    return metric.replace("_", " ").replace("auc", "AUC")
