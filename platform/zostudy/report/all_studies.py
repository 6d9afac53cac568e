"""Several studies on one page, side by side: joined on the methods, ratios, models and tasks that they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from zostudy.errors import ResultsError
from zostudy.report.charts import Charts, bounds_of
from zostudy.report.frames import metric_frame
from zostudy.report.parts import Figure, ReportSection, StudyReport, metric_words, short
from zostudy.results.comparison.compare import Given, compare
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.rank_figure import rank_chart
from zostudy.results.comparison.rank_statistics import RankStatistics
from zostudy.results.comparison.rank_tables import rank_notes, shown_ranks
from zostudy.results.table_formats import Table, value_text

NAME, METRICS = "All studies", ("test_auc", "test_balanced_accuracy")

_CAPTION = "Means over confirm seeds and 95% intervals, on the same axes."
_RANKS = "Mean ranks over all blocks; a thick bar joins methods that are not told apart."


def all_studies_report(trials: pd.DataFrame, given: Given, charts: Charts) -> StudyReport:
    """Returns what stands before the reports of several studies.

    Args:
        trials: of all of them.
        given: what ``compare`` is given, such as their locations.
        charts: draws all methods.
    """
    studies = _studies(trials)
    question = f"{len(studies.rows)} studies side by side. Each follows on its own."
    try:
        comparison = _compared(given)
    except ResultsError as error:
        section = ReportSection("Side by side", note=f"Not compared: {error}.", tables=(studies,))
    else:
        shown = shown_ranks(comparison)
        figures = (*_ranks(shown), *_means(comparison, charts))
        tables = (studies, *comparison_tables(comparison))
        section = ReportSection("Side by side", "", tables, figures, findings=tuple(rank_notes(shown)))
    return StudyReport(NAME, question, "", (section,), charts.colours)


def _compared(given: Given) -> Comparison:
    """Returns methods against ratios, or against studies where several of them ran the same cell."""
    try:
        return compare(given, METRICS, allow_unequal=True)
    except ResultsError:
        return compare(given, METRICS, by="study", allow_unequal=True)


def _ranks(shown: Sequence[RankStatistics]) -> Iterator[Figure]:
    for statistics in shown:
        yield Figure(f"ranks-{statistics.metric}", rank_chart(statistics), _RANKS, by_method=False)


def _means(comparison: Comparison, charts: Charts) -> Iterator[Figure]:
    """Yields a figure a metric and model or task, methods in their colours."""
    headings, by = [*map(comparison.heading, comparison.columns)], comparison.by.replace("_", " ")
    groups = dict.fromkeys(cell.group for cell in comparison.cells)
    for metric in comparison.metrics:
        parts = {" ".join(map(value_text, group)): _part(comparison, group, metric) for group in groups}
        ends = pd.concat([part[end] for part in parts.values() for end in ("low", "high")])
        for name, part in parts.items():
            if len(part):
                title = f"{metric_words(metric)}, {name}" if name else metric_words(metric)
                chart = charts.intervals(part, headings, by, title, bounds_of(ends))
                yield Figure(f"{metric}-{name or 'all'}", chart, _CAPTION)


def _part(comparison: Comparison, group: Sequence[object], metric: str) -> pd.DataFrame:
    cells = (replace(cell, row=cell.row[-1:]) for cell in comparison.cells if cell.group == group)
    return metric_frame(replace(comparison, cells=tuple(cells)), metric)


def _studies(trials: pd.DataFrame) -> Table:
    rows = []
    for study, of in trials.groupby("study"):
        ratios = ", ".join(f"{ratio:g}" for ratio in sorted(of["imbalance_ratio"].unique()))
        confirm = of[of["stage"] == "confirm"]
        words = (str(study), of["model"].iloc[0], of["task"].iloc[0], ", ".join(sorted(of["method"].unique())))
        rows.append((*words, ratios, short(int(of["budget"].max())), str(confirm["seed"].nunique()), str(len(of))))
    columns = ("study", "model", "task", "methods", "ratios", "queries a trial", "confirm seeds", "trials")
    return Table(columns, tuple(rows), "The studies", text_columns=4)
