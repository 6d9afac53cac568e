"""Sections of tables without figures: noise floor, agreement, failures, all trials, and how to repeat the study."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd

from zostudy.config.distributions import SearchSpace
from zostudy.report.frames import searched
from zostudy.report.parts import ReportSection, metric_words, short
from zostudy.results.classes import StudyClasses, class_table
from zostudy.results.table_formats import Table

NOISE_FLOOR, AGREEMENT = "Noise floor", "Agreement with transformers"
MOST_TRIALS = 1_000
TRIAL_METRICS = ("dev_auc", "test_auc", "test_balanced_accuracy", "test_minority_recall")

_TRIALS_NOTE = (
    "Click a heading to sort. In each cell confirm trials come first, then search trials; the best dev AUC leads."
)
_NOISE_NOTE = (
    "The spread of the loss difference over directions (signal) divided by its spread over dtype and batch composition "
    "alone (noise), at the smallest radius that a cell may use. Under 10, finite differences are mostly noise."
)
_NO_NOISE_NOTE = (
    "The folder noise_floor holds no measurement: no method here takes finite differences, an earlier zostudy ran the "
    "study without measuring, or the folder is missing."
)
_NOISE_COLUMNS = ("cell", "dtype", "chosen", "perturbation_radius", "loss_signal", "loss_noise", "signal_over_noise")

_AGREEMENT_NOTE = (
    "Before the first trial, the evaluator and transformers' own model in float32 score a few of the task's texts. The "
    "difference is the largest one, as a share of the largest score."
)
_NO_AGREEMENT_NOTE = (
    "The folder agreement holds no comparison: an earlier zostudy ran the study without comparing, or the folder is "
    "missing."
)
_AGREEMENT_COLUMNS = ("family", "dtype", "evaluator", "texts", "prompts", "largest_score", "difference", "bound")


def noise_section(noise_floor: pd.DataFrame) -> ReportSection:
    """Returns the noise floor of each cell."""
    if noise_floor.empty:
        return ReportSection(NOISE_FLOOR, note=_NO_NOISE_NOTE)
    table = _table("Noise floor of each cell", noise_floor, _NOISE_COLUMNS)
    return ReportSection(NOISE_FLOOR, note=_NOISE_NOTE, tables=(table,))


def agreement_section(agreement: pd.DataFrame) -> ReportSection:
    """Returns the difference between the evaluator's scores and those of transformers."""
    if agreement.empty:
        return ReportSection(AGREEMENT, note=_NO_AGREEMENT_NOTE)
    return ReportSection(AGREEMENT, note=_AGREEMENT_NOTE, tables=(_table("Evaluator", agreement, _AGREEMENT_COLUMNS),))


def failures_section(trials: pd.DataFrame) -> ReportSection:
    """Returns the failed trials, each with its reason."""
    failed = trials[trials["status"] == "failed"]
    if failed.empty:
        return ReportSection("Failures", note=f"None of {len(trials)} trials failed.")
    reasons = _table(f"{len(failed)} of {len(trials)} trials", failed, ("trial", "error", "queries"))
    return ReportSection("Failures", tables=(replace(reasons, text_columns=2),))


def trials_section(trials: pd.DataFrame, space: SearchSpace) -> ReportSection:
    """Returns all trials with their searched settings, metrics and costs, cell by cell."""
    ordered = trials.sort_values(["cell", "stage", "dev_auc"], ascending=[True, True, False], kind="stable")
    rows = tuple(_trial_row(trial, space) for _, trial in ordered.head(MOST_TRIALS).iterrows())
    words = ("trial", "status", "method", "configuration")
    columns = (*words, "ratio", *map(metric_words, TRIAL_METRICS), "queries", "seconds")
    left_out = f" {len(trials) - MOST_TRIALS:,} more trials are left out; zostudy query shows them."
    note = _TRIALS_NOTE + (left_out if len(trials) > MOST_TRIALS else "")
    return ReportSection("Trials", note, (Table(columns, rows, text_columns=len(words)),), is_sortable=True)


def repeating_section(trials: pd.DataFrame, study_file: str, classes: StudyClasses | None) -> ReportSection:
    """Returns the classes or draws, the queries and time spent, the versions, and the study file word for word."""
    draws = trials[["imbalance_ratio", "n_minority", "n_majority"]].drop_duplicates().sort_values("imbalance_ratio")
    ends = trials.groupby(["stage", "status"])
    spent = ends[["queries", "examples", "wall_seconds"]].sum().reset_index()
    spent.insert(2, "trials", ends.size().to_numpy())
    versions = sorted({pair for text in trials["versions"].unique() for pair in json.loads(text).items()})
    return ReportSection(
        "To repeat it",
        note="The study file with all defaults filled in.",
        tables=(
            class_table(classes) if classes else _table("Training draws", draws, draws.columns),
            _table("Costs", spent, spent.columns),
            Table(("of", "version or digest"), tuple((name, str(version)) for name, version in versions), "Versions"),
        ),
        text=study_file,
    )


def _table(title: str, frame: pd.DataFrame, columns: Iterable[str]) -> Table:
    names = list(columns)
    rows = tuple(tuple(map(short, row)) for row in frame[names].itertuples(index=False))
    return Table(tuple(names), rows, title)


def _trial_row(trial: pd.Series[Any], space: SearchSpace) -> tuple[str, ...]:
    settings = ", ".join(f"{key} {short(value)}" for key, (_, value) in searched(trial, space).items())
    metrics = ("-" if pd.isna(trial[metric]) else f"{trial[metric]:.3f}" for metric in TRIAL_METRICS)
    costs = (f"{trial['queries']:,}", f"{trial['wall_seconds']:,.1f}")
    names = (trial["trial"], trial["status"], trial["method"], settings or "-")
    return (*names, f"{trial['imbalance_ratio']:g}", *metrics, *costs)
