"""The comparison of several studies, which stands before their own reports on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from zostudy.errors import ResultsError
from zostudy.report.charts import Charts, bounds_of
from zostudy.report.frames import metric_frame
from zostudy.report.parts import Figure, ReportSection, StudyReport, metric_words, short
from zostudy.report.rank_figure import rank_chart
from zostudy.results.comparison.comparable import compare_in_groups
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.comparison import Comparison
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.comparison.rank_statistics import RankStatistics
from zostudy.results.comparison.rank_tables import rank_notes, shown_ranks
from zostudy.results.storage import Storage
from zostudy.results.table_formats import Table, value_text

NAME, METRICS = "All studies", ("test_auc", "test_balanced_accuracy")

_CAPTION = "Means over confirm seeds and 95% intervals, on the same axes."
_RANKS = "Mean ranks over all blocks; a thick bar joins methods that are not told apart."


def all_studies_report(trials: pd.DataFrame, storages: Sequence[Storage], charts: Charts) -> StudyReport:
    """Returns the comparison of several studies, given all their trials."""
    studies = _studies(trials)
    question = f"{len(studies.rows)} studies side by side. Each follows on its own."
    try:
        comparison = _compared(storages)
    except ResultsError as error:
        section = ReportSection("Side by side", note=f"Not compared: {error}.", tables=(studies,))
    else:
        shown = shown_ranks(comparison)
        figures = (*_ranks(shown), *_means(comparison, charts))
        tables = (studies, *comparison_tables(comparison))
        section = ReportSection("Side by side", "", tables, figures, findings=tuple(rank_notes(shown)))
    return StudyReport(NAME, question, "", (section,), charts.colours)


def _compared(storages: Sequence[Storage]) -> Comparison:
    """Returns the comparison by ratio; by study if the studies cannot share one."""
    groups = compare_in_groups(storages, METRICS, allow_unequal=True)
    return groups[0] if len(groups) == 1 else compare(storages, METRICS, by="study", allow_unequal=True)


def _ranks(shown: Sequence[RankStatistics]) -> Iterator[Figure]:
    for statistics in shown:
        yield Figure(f"ranks-{statistics.metric}", rank_chart(statistics), _RANKS, by_method=False)


def _means(comparison: Comparison, charts: Charts) -> Iterator[Figure]:
    """Yields a figure for each metric and each model or task."""
    headings, by = comparison.headings, comparison.by.replace("_", " ")
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
    for study, own in trials.groupby("study"):
        ratios = ", ".join(f"{ratio:g}" for ratio in sorted(own["imbalance_ratio"].unique()))
        confirm = own[own["stage"] == "confirm"]
        words = (str(study), own["model"].iloc[0], own["task"].iloc[0], ", ".join(sorted(own["method"].unique())))
        rows.append((*words, ratios, short(int(own["budget"].max())), str(confirm["seed"].nunique()), str(len(own))))
    columns = ("study", "model", "task", "methods", "ratios", "queries a trial", "confirm seeds", "trials")
    return Table(columns, tuple(rows), "The studies", text_columns=4)
