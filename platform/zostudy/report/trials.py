"""All trials of a study in one table, which the page sorts and filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from zostudy.config.distributions import Distribution
from zostudy.report.frames import searched
from zostudy.report.parts import ReportSection, metric_words, short
from zostudy.results.table_formats import Table

MOST_ROWS = 1_000
METRICS = ("dev_auc", "test_auc", "test_balanced_accuracy", "test_minority_recall")

_NOTE = "Click a heading to sort. In each cell confirm trials come first, then those of search; the best dev AUC leads."


def trials_section(trials: pd.DataFrame, space: Mapping[str, Distribution]) -> ReportSection:
    """Returns all trials with their searched settings, metrics and costs, cell by cell."""
    ordered = trials.sort_values(["cell", "stage", "dev_auc"], ascending=[True, True, False], kind="stable")
    rows = tuple(_row(trial, space) for _, trial in ordered.head(MOST_ROWS).iterrows())
    words = ("trial", "status", "method", "configuration")
    columns = (*words, "ratio", *map(metric_words, METRICS), "queries", "seconds")
    left_out = f" {len(trials) - MOST_ROWS:,} more trials are left out; zostudy query shows them."
    note = _NOTE + (left_out if len(trials) > MOST_ROWS else "")
    return ReportSection("Trials", note, (Table(columns, rows, text_columns=len(words)),), is_sortable=True)


def _row(trial: pd.Series[Any], space: Mapping[str, Distribution]) -> tuple[str, ...]:
    settings = ", ".join(f"{key} {short(value)}" for key, (_, value) in searched(trial, space).items())
    metrics = ("-" if pd.isna(trial[metric]) else f"{trial[metric]:.3f}" for metric in METRICS)
    costs = (f"{trial['queries']:,}", f"{trial['wall_seconds']:,.1f}")
    names = (trial["trial"], trial["status"], trial["method"], settings or "-")
    return (*names, f"{trial['imbalance_ratio']:g}", *metrics, *costs)
