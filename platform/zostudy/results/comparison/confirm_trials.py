"""The trials of a comparison as plain values, and its confirm trials, each marked as outdated or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from zostudy.errors import ResultsError
from zostudy.results.completeness import best_configurations, outdated
from zostudy.results.schema import TRIALS
from zostudy.wording import shown

if TYPE_CHECKING:  # slow to import, and files are compared without it
    import pandas as pd

TrialColumns: TypeAlias = Mapping[str, list[Any]]
"""Trials by column; a missing value is None."""

TrialValues: TypeAlias = dict[str, Any]

_OF_STUDY = ("study", "model", "task", "imbalance_ratio")


def columns_of_tables(tables: Iterable[pa.Table], names: Sequence[str]) -> TrialColumns:
    """Returns some columns of stored trials."""
    rows = pa.concat_tables(tables)
    return {name: _without_nan(rows[name].to_pylist()) for name in names}


def columns_of_frame(trials: pd.DataFrame, names: Sequence[str]) -> TrialColumns:
    """Returns those of the columns that a frame of trials has.

    Raises:
        ResultsError: a column stands twice, or holds text in place of numbers or numbers in place of text.
    """
    return {name: _column_of_frame(trials, name) for name in names if name in trials}


def confirm_trials_of(trials: TrialColumns) -> list[TrialValues]:
    """Returns the confirm trials, each with its columns and four more.

    ``outdated``: it does not count. ``asked``: the confirm trials of the cell that has most of them, of the same study
    and data. ``searched``: the configurations of its own cell's search. ``best_configuration``: the best of these.
    """
    best = best_configurations(trials)
    marks = outdated(trials, best)
    rows = [dict(zip(trials, values, strict=True)) for values in zip(*trials.values(), strict=True)]
    searched = _searched(rows)
    confirm = [(row, mark) for row, mark in zip(rows, marks, strict=True) if row["stage"] == "confirm"]
    confirmed = Counter((_study_of(row), row["cell"]) for row, _ in confirm)
    asked: dict[tuple[Any, ...], int] = {}
    for (study, _), count in confirmed.items():
        asked[study] = max(count, asked.get(study, 0))
    return [
        row
        | {
            "outdated": mark,
            "asked": asked[_study_of(row)],
            "searched": len(searched.get((row["study"], row["cell"]), ())),
            "best_configuration": best.get((row["study"], row["cell"])),
        }
        for row, mark in confirm
    ]


def _searched(rows: Iterable[TrialValues]) -> dict[tuple[str, str], set[int]]:
    """Returns the numbers of the configurations that each search tried, by study and cell."""
    searched: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        if row["stage"] != "confirm":
            searched.setdefault((row["study"], row["cell"]), set()).add(row["number"])
    return searched


def _study_of(row: TrialValues) -> tuple[Any, ...]:
    return tuple(row[name] for name in _OF_STUDY)


def _column_of_frame(trials: pd.DataFrame, name: str) -> list[Any]:
    if list(trials.columns).count(name) > 1:
        raise ResultsError("columns of trials must have different names", got=f"{name} stands twice", remedy="drop one")
    column = trials[name]
    values = list(column.tolist())
    if column.hasnans:
        values = [None if absent else value for value, absent in zip(values, column.isna(), strict=True)]
    field = TRIALS.field(name)
    kind, words = (str, "text") if pa.types.is_string(field.type) else (Real, "numbers")
    may_lack = field.nullable or all(value is None for value in values)  # an older zostudy did not have the column
    for value in values:
        if not isinstance(value, kind) and not (value is None and may_lack):
            rule, got = f"column {name} of trials must hold {words}", f"holds {shown(value)}"
            raise ResultsError(rule, got=got, remedy="give load_results(...) or its trials")
    return values


def _without_nan(values: list[Any]) -> list[Any]:
    return [None if value != value else value for value in values]
