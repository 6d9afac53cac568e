"""The parts of a report: sections of tables and figures, each figure with its caption."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from math import inf
from numbers import Integral
from typing import Any

import pandas as pd

from zostudy.results.table_formats import Table

LONGEST_NAME = 120
LEAST_WHOLE = 1000  # from here on four figures would cut digits before the point


@dataclass(frozen=True)
class Figure:
    """A chart and its name.

    Attributes:
        name: unique in its study; the name of its files.
        chart: an Altair chart.
        caption: what is drawn. Figures with one caption after another stand under it together.
        by_method: whether the methods' colours, and the parameter ``shown``, are in it.
    """

    name: str
    chart: Any
    caption: str
    by_method: bool = True


@dataclass(frozen=True)
class ReportSection:
    """A part of the report, under a title; each of its parts may be empty.

    Attributes:
        title: of the part.
        note: what to know before reading it.
        tables: its tables.
        figures: its figures.
        text: shown word for word.
        findings: sentences to read first.
        counts: the classes that its tables are about, in a line.
        is_sortable: whether a reader may sort and filter its table.
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
        """Whether a figure needs a legend of methods."""
        return any(figure.by_method for figure in self.figures)

    @property
    def captioned(self) -> list[tuple[str, list[Figure]]]:
        """The figures by their captions, each of which then stands once."""
        return [(caption, list(of)) for caption, of in groupby(self.figures, key=lambda figure: figure.caption)]


@dataclass(frozen=True)
class StudyReport:
    """The report of one study.

    Attributes:
        name: of the study.
        question: what it asks.
        summary: how far it has come.
        sections: its parts, the first of which answers.
        colours: of the methods that it has.
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

    def with_names(self, rename: Callable[[str], str]) -> StudyReport:
        """Returns the report with other names of its figures."""
        sections = [
            replace(section, figures=tuple(replace(figure, name=rename(figure.name)) for figure in section.figures))
            for section in self.sections
        ]
        return replace(self, sections=tuple(sections))


def with_safe_names(studies: Iterable[StudyReport]) -> list[StudyReport]:
    """Returns the studies with figures whose names are unique, and safe as a file and in a page."""
    taken: set[str] = set()
    return [study.with_names(partial(_safe_name, taken, study.name)) for study in studies]


def short(value: Any) -> str:
    """Returns a value as tables show it: numbers in four figures, whole and large ones without decimals."""
    if value is None or isinstance(value, str | bool):
        return "" if value is None else str(value)
    if isinstance(value, Integral) or (isinstance(value, float) and LEAST_WHOLE <= abs(value) < inf):
        return f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def metric_words(metric: str) -> str:
    """Returns a column of metrics as figures name it, such as ``test AUC``."""
    return metric.replace("_", " ").replace("auc", "AUC").replace("auprc", "AUPRC")


def none_drawn(confirm: pd.DataFrame, rows: pd.DataFrame, table: str) -> str:
    """Returns why nothing can be drawn of a table: it has no rows of complete confirm trials. Else ``""``."""
    if confirm.empty:
        return "No confirm trial is complete so far."
    if not rows["trial"].isin(confirm["trial"]).any():
        if table == "scores" and confirm["scores_rows"].eq(0).fillna(False).all():
            return "The study was run with confirm.scores: false, which stores no scores."
        return f"The folder {table} holds nothing of the confirm trials; restore it as the run wrote it."
    return ""


def span(counts: pd.Series[int]) -> str:
    """Returns counts for a caption: ``3``, or ``2 to 3``."""
    return f"{counts.min():g}" if counts.nunique() == 1 else f"{counts.min():g} to {counts.max():g}"


def _safe_name(taken: set[str], study: str, name: str) -> str:
    """Returns a safe name that is not taken, and adds it to the taken ones."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{study}-{name}").lstrip("-.")[:LONGEST_NAME]
    free, number = safe, 2
    while free in taken:
        free, number = f"{safe}-{number}", number + 1
    taken.add(free)
    return free
