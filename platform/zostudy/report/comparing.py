"""Sections that compare methods: the metrics, dev metrics over queries, ROC curves, and the saddle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import pandas as pd

from zostudy.report import frames
from zostudy.report.charts import Charts, bounds_of, scalars
from zostudy.report.findings import findings
from zostudy.report.parts import Figure, ReportSection, metric_words, range_text, reason_not_drawn
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.table_notes import reference_note, verdict_notes
from zostudy.results.lost_rows import study_notes
from zostudy.results.results import Results
from zostudy.results.table_formats import Table

RESULT, DECISIONS, AGAINST_QUERIES = "Result", "Decisions", "Against queries"
ROC, SADDLE = "ROC and precision-recall", "The saddle of AUC maximisation"
ANYTIME = ("dev_auc", "dev_balanced_accuracy", "dev_minority_recall")
CURVES = {
    "roc": ("ROC", "false positive rate", "true positive rate"),
    "precision-recall": ("Precision-recall", "recall", "precision"),
}

_ANYTIME = (
    "Dev metrics of the point with the best dev AUC so far. Thin: a confirm seed. Thick: the median over seeds. The "
    "point is chosen on dev, so test scores may be lower."
)
_DASHED = (
    "Dashed: the saddle for the kept point's dev scores, a and b the mean probability of the minority and of the "
    "other class, alpha = margin + b - a. The scalars follow training batches, so they need not meet it."
)
_OF_CLASSES = (
    "Each class is the positive class of a problem of its own: a_0, b_0 and alpha_0 are of the first class in label "
    "order."
)
_GUESSED = (
    "This study did not store which class is the positive one. It is taken to be the class whose average precision is "
    "the stored AUPRC."
)


def comparison_sections(results: Results, baseline: str | None, counts: str, charts: Charts) -> list[ReportSection]:
    """Returns the tables of ``zostudy compare`` for the confirm trials so far, and a figure of each metric.

    The first section holds the findings and the first metric, which measures ranking. The second section holds the
    other metrics, which measure decisions. ``counts`` is a line on the classes.

    Raises:
        ResultsError: the study has no method of the baseline's label.
    """
    if not (results.trials["stage"] == "confirm").any():
        note = "No confirm trial has ended yet; the comparison comes with the first ones."
        return [ReportSection(RESULT, note=note), ReportSection(DECISIONS, note=note)]
    comparison = compare(results, baseline=baseline)
    in_summary = study_notes(results.storages)
    comparison = replace(comparison, notes=tuple(note for note in comparison.notes if note not in in_summary))
    ranking, deciding = _split(comparison, comparison_tables(comparison))
    figures, found = tuple(_metrics(comparison, charts)), tuple(findings(comparison))
    return [
        ReportSection(RESULT, tables=ranking, figures=figures[:1], findings=found, counts=counts),
        ReportSection(DECISIONS, tables=deciding, figures=figures[1:], counts=counts),
    ]


def _split(comparison: Comparison, tables: list[Table]) -> tuple[tuple[Table, ...], tuple[Table, ...]]:
    """Returns the tables of the first metric, with the verdicts on whole cells, and the tables of the other metrics."""
    first, *others = tables
    on_cells = verdict_notes(comparison, [None])
    shown = {cell[-1] for row in first.rows for cell in row}
    last_notes = [note for table in others for note in table.notes if note in on_cells or note[0] in shown & set("†‡")]
    n_first = 1 + sum(table.title.startswith(f"{comparison.metrics[0]} against") for table in others)
    ranking = (replace(first, notes=tuple(dict.fromkeys([*first.notes, *last_notes]))), *tables[1:n_first])
    deciding = (replace(table, notes=tuple(n for n in table.notes if n not in on_cells)) for table in tables[n_first:])
    return ranking, tuple(deciding)


def anytime_section(confirm: pd.DataFrame, history: pd.DataFrame, charts: Charts) -> ReportSection:
    """Returns figures of the kept point's dev metrics against the queries, one for each ratio and metric."""
    figures = {metric: list(_anytime(confirm, history, metric, charts)) for metric in ANYTIME}
    note = reason_not_drawn(confirm, history, "history")
    missing = [metric_words(metric) for metric in ANYTIME if not figures[metric]]
    if missing and not note:
        note = f"Not drawn: {', '.join(missing)}; an earlier zostudy ran this study, which did not store them."
    return ReportSection(AGAINST_QUERIES, note=note, figures=tuple(chain.from_iterable(figures.values())))


def curves_section(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> ReportSection:
    """Returns ROC and precision-recall curves of two-class confirm trials, two figures for each ratio."""
    note = reason_not_drawn(confirm, scores, "scores")
    if not note and frames.n_classes(scores) != 2:
        note = f"Drawn for tasks with two classes only; this one has {frames.n_classes(scores)}."
    if note:
        return ReportSection(ROC, note=note)
    left_out = len(confirm) - sum(1 for _ in frames.two_class_trials(confirm, scores, "test"))
    notes = [
        f"Left out: {left_out} confirm trials without test scores of both classes." if left_out else "",
        _GUESSED if confirm["positive_class"].isna().any() else "",
    ]
    return ReportSection(ROC, note=" ".join(filter(None, notes)), figures=tuple(_curves(confirm, scores, charts)))


def saddle_section(confirm: pd.DataFrame, history: pd.DataFrame, scores: pd.DataFrame) -> ReportSection:
    """Returns figures of AUC maximisation's scalars a, b and alpha over a run, one for each method and ratio.

    Of more than two classes each scalar has a figure of its own.
    """
    figures = tuple(_saddles(confirm, history, scores))
    reason = reason_not_drawn(confirm, history, "history") or "No method of this study has the objective auc."
    return ReportSection(SADDLE, note="" if figures else reason, figures=figures)


def _metrics(comparison: Comparison, charts: Charts) -> Iterator[Figure]:
    headings, by = comparison.headings, comparison.by.replace("_", " ")
    means = {metric: frames.metric_frame(comparison, metric) for metric in comparison.metrics}
    deciding = pd.concat([frame[end] for frame in [*means.values()][1:] for end in ("low", "high")])
    for metric, frame in means.items():
        if len(frame):
            caption = f"Mean over the confirm seeds ({range_text(frame['seeds'])}); bars are 95% intervals."
            if comparison.references:
                caption = f"{caption} References: {reference_note(comparison)}"
            bounds = None if metric == comparison.metrics[0] else bounds_of(deciding)
            chart = charts.intervals(frame, headings, by, metric_words(metric), bounds)
            yield Figure(f"{metric}-by-ratio", chart, caption)


def _anytime(confirm: pd.DataFrame, history: pd.DataFrame, metric: str, charts: Charts) -> Iterator[Figure]:
    frame, words = frames.anytime_frame(confirm, history, metric), metric_words(metric)
    for ratio, cell in frame.groupby("ratio"):
        chart = charts.seeds(cell, "queries", words, f"{words}, ratio {ratio:g}", bounds_of(frame["value"]))
        yield Figure(f"anytime-{metric}-ratio-{ratio:g}", chart, _ANYTIME)


def _curves(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    share = frames.positive_share(confirm, scores)
    caption = (
        "On test, a line for each confirm trial. Dashed: random scores, whose precision is the positive class's share "
        f"of test, {share:.3g}."
    )
    for kind, (words, x, y) in CURVES.items():
        chance = (0, 1) if kind == "roc" else (share, share)
        for ratio, cell in frames.curve_frame(confirm, scores, kind).groupby("ratio"):
            chart = charts.curves(cell, f"{words}, ratio {ratio:g}", x, y, chance)
            yield Figure(f"{kind}-ratio-{ratio:g}", chart, caption)


def _saddles(confirm: pd.DataFrame, history: pd.DataFrame, scores: pd.DataFrame) -> Iterator[Figure]:
    values, levels = frames.auxiliary_frame(confirm, history), frames.saddle_frame(confirm, scores)
    bounds = bounds_of(pd.concat([values["value"], levels["value"]]))
    of_classes = values["scalar"].str.extract(r"^(\w+)_\d+$", expand=False).fillna("")
    for (method, ratio, of_class), frame in values.groupby(["method", "ratio", of_classes]):
        level = levels[(levels["method"] == method) & (levels["ratio"] == ratio)]
        caption = "Auxiliary scalars, a line for each confirm trial."
        if len(level):
            caption = f"{caption} {_DASHED}"
        title, name = f"{method}, ratio {ratio:g}", f"saddle-{method}-{ratio:g}"
        if of_class:
            title, name, caption = f"{title}, {of_class}", f"{name}-{of_class}", f"{caption} {_OF_CLASSES}"
        yield Figure(name, scalars(frame, level, title, bounds), caption, by_method=False)
