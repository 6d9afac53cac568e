"""What a report is made of: sections of tables and figures, each figure with its caption."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from numbers import Integral
from typing import Any

import pandas as pd

from zostudy.results.tables import Table

LONGEST_NAME = 120
LEAST_WHOLE = 1000  # from here on four figures say less than the number before the point


@dataclass(frozen=True)
class Figure:
    """A chart, its name, and the sentence or two below it."""

    name: str
    chart: Any
    caption: str


@dataclass(frozen=True)
class Section:
    """A part of the report; what it has nothing of is empty."""

    title: str
    note: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Study:
    """The report of one study."""

    name: str
    summary: str
    sections: tuple[Section, ...]

    @property
    def figures(self) -> list[Figure]:
        """All figures, in the order of the page."""
        return [figure for section in self.sections for figure in section.figures]


def with_safe_names(studies: Iterable[Study]) -> list[Study]:
    """Returns the studies with figures whose names are safe as a file and in a page, and given to no other one."""
    taken: set[str] = set()
    return [
        replace(
            study,
            sections=tuple(
                replace(
                    section,
                    figures=tuple(
                        replace(figure, name=_taken(f"{study.name}-{figure.name}", taken)) for figure in section.figures
                    ),
                )
                for section in study.sections
            ),
        )
        for study in studies
    ]


def short(value: Any) -> str:
    """Returns a value as a table shows it: numbers in four figures, but whole ones and large ones to the unit."""
    if value is None or isinstance(value, str | bool):
        return "" if value is None else str(value)
    if isinstance(value, Integral) or (isinstance(value, float) and LEAST_WHOLE <= abs(value) < inf):
        return f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def none_drawn(confirm: pd.DataFrame, rows: pd.DataFrame, table: str) -> str:
    """Returns why nothing can be drawn of the complete confirm trials' rows in a table, or "" where there are some."""
    if confirm.empty:
        return "No confirm trial is complete so far."
    if not rows["trial"].isin(confirm["trial"]).any():
        return f"The folder {table} holds nothing of the confirm trials; restore it as the run wrote it."
    return ""


def span(counts: pd.Series[int]) -> str:
    """Returns counts as a caption names them: ``3``, or ``2 to 3``."""
    return f"{counts.min():g}" if counts.nunique() == 1 else f"{counts.min():g} to {counts.max():g}"


def _taken(text: str, taken: set[str]) -> str:
    """Returns a safe name made of the text, and adds it to those that are taken."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).lstrip("-.")[:LONGEST_NAME]
    name, number = safe, 2
    while name in taken:
        name, number = f"{safe}-{number}", number + 1
    taken.add(name)
    return name
