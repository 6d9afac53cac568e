"""The parts of a report: studies, their sections, and the figures with their captions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from math import inf
from numbers import Integral
from typing import Any

import pandas as pd

from zostudy.results.table_formats import Table

LONGEST_NAME = 120
LEAST_WHOLE = 1000  # with four digits, larger numbers would lose digits before the point


@dataclass(frozen=True)
class Figure:
    """A chart with its name and caption.

    Attributes:
        name: unique in its study; the name of its files.
        chart: an Altair chart.
        caption: of the chart. Successive figures with equal captions stand together under one caption.
        by_method: whether the chart has the methods' colours and the parameter ``shown``.
    """

    name: str
    chart: Any
    caption: str
    by_method: bool = True


@dataclass(frozen=True)
class ReportSection:
    """A section of a report. Everything but its title may be empty.

    Attributes:
        title: of the section.
        note: an explanation that stands first.
        tables: its tables.
        figures: its figures.
        text: shown word for word.
        findings: sentences that answer the study's question.
        counts: a line on the classes of the tables.
        is_sortable: whether a reader can sort and filter the table.
    """

    title: str
    note: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    text: str = ""
    findings: tuple[str, ...] = ()
    counts: str = ""
    is_sortable: bool = False

    @property
    def by_method(self) -> bool:
        """True if a figure needs a legend of methods."""
        return any(figure.by_method for figure in self.figures)

    @property
    def captioned(self) -> list[tuple[str, list[Figure]]]:
        """The figures grouped by caption."""
        return [(caption, list(each)) for caption, each in groupby(self.figures, key=lambda figure: figure.caption)]


@dataclass(frozen=True)
class StudyReport:
    """The report of one study.

    Attributes:
        name: of the study.
        question: that the study answers.
        summary: its trials and queries so far.
        sections: its sections, the first of which answers the question.
        colours: of its methods.
    """

    name: str
    question: str
    summary: str
    sections: tuple[ReportSection, ...]
    colours: Mapping[str, str]

    @property
    def figures(self) -> list[Figure]:
        """All figures, in the order of the page."""
        return [figure for section in self.sections for figure in section.figures]


def with_safe_names(studies: Iterable[StudyReport]) -> list[StudyReport]:
    """Returns the studies with unique names of figures that are safe as file names and as ids in HTML."""
    taken: set[str] = set()

    def renamed(figure: Figure, study: StudyReport) -> Figure:
        return replace(figure, name=_safe_name(taken, study.name, figure.name))

    def with_names(section: ReportSection, study: StudyReport) -> ReportSection:
        return replace(section, figures=tuple(renamed(figure, study) for figure in section.figures))

    return [replace(study, sections=tuple(with_names(each, study) for each in study.sections)) for study in studies]


def short(value: Any) -> str:
    """Returns a value as text: numbers with four digits, whole and large ones without decimals."""
    if value is None or isinstance(value, str | bool):
        return "" if value is None else str(value)
    if isinstance(value, Integral) or (isinstance(value, float) and LEAST_WHOLE <= abs(value) < inf):
        return f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def metric_words(metric: str) -> str:
    """Returns the words for a column of metrics, such as ``test AUC`` for ``test_auc``."""
    return metric.replace("_", " ").replace("auc", "AUC").replace("auprc", "AUPRC")


def reason_not_drawn(confirm: pd.DataFrame, rows: pd.DataFrame, table: str) -> str:
    """Returns the reason why a table has no rows of complete confirm trials; empty if it has some."""
    if confirm.empty:
        return "No confirm trial is complete so far."
    if not rows["trial"].isin(confirm["trial"]).any():
        if table == "scores" and confirm["scores_rows"].eq(0).fillna(False).all():
            return "The study was run with confirm.scores: false, which stores no scores."
        return f"The folder {table} holds nothing of the confirm trials; restore it as the run wrote it."
    return ""


def range_text(counts: pd.Series[int]) -> str:
    """Returns the range of some counts as text: ``3``, or ``2 to 3``."""
    return f"{counts.min():g}" if counts.nunique() == 1 else f"{counts.min():g} to {counts.max():g}"


def _safe_name(taken: set[str], study: str, name: str) -> str:
    """Returns a safe name that is not in ``taken``, and adds it there."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{study}-{name}").lstrip("-.")[:LONGEST_NAME]
    free, number = safe, 2
    while free in taken:
        free, number = f"{safe}-{number}", number + 1
    taken.add(free)
    return free
