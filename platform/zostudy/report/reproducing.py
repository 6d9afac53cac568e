"""Sections to judge and repeat a study: its noise floor, agreement, failures, draws, costs and versions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from zostudy.report.parts import ReportSection, short
from zostudy.results.classes import StudyClasses, class_table
from zostudy.results.table_formats import Table

_NOISE_NOTE = (
    "Spread of the loss difference over directions (signal) against its spread over dtype and batch composition "
    "alone (noise), at the smallest radius a cell may use; under 10 a finite difference drowns."
)
_NO_NOISE_NOTE = (
    "The folder noise_floor holds no measurement: no method here takes finite differences, an earlier zostudy, which "
    "took none, ran the study, or the folder is gone."
)
_NOISE_COLUMNS = ("cell", "dtype", "chosen", "perturbation_radius", "loss_signal", "loss_noise", "signal_over_noise")

_AGREEMENT_NOTE = (
    "Before the first trial transformers' own model, run plainly in float32, and the evaluator score a handful of the "
    "task's texts. The difference is the largest one, as a share of the largest score."
)
_NO_AGREEMENT_NOTE = (
    "The folder agreement holds no comparison: an earlier zostudy, which made none, ran the study, or the folder is "
    "gone."
)
_AGREEMENT_COLUMNS = ("family", "dtype", "evaluator", "texts", "prompts", "largest_score", "difference", "bound")


def noise_section(noise_floor: pd.DataFrame) -> ReportSection:
    """Returns the noise floor of each cell."""
    if noise_floor.empty:
        return ReportSection("Noise floor", note=_NO_NOISE_NOTE)
    table = _table("Noise floor of each cell", noise_floor, _NOISE_COLUMNS)
    return ReportSection("Noise floor", note=_NOISE_NOTE, tables=(table,))


def agreement_section(agreement: pd.DataFrame) -> ReportSection:
    """Returns the difference between the evaluator's scores and those of transformers."""
    title = "Agreement with transformers"
    if agreement.empty:
        return ReportSection(title, note=_NO_AGREEMENT_NOTE)
    return ReportSection(title, note=_AGREEMENT_NOTE, tables=(_table("Evaluator", agreement, _AGREEMENT_COLUMNS),))


def failures_section(trials: pd.DataFrame) -> ReportSection:
    """Returns the failed trials, each with its reason."""
    failed = trials[trials["status"] == "failed"]
    if failed.empty:
        return ReportSection("Failures", note=f"None of {len(trials)} trials failed.")
    reasons = _table(f"{len(failed)} of {len(trials)} trials", failed, ("trial", "error", "queries"))
    return ReportSection("Failures", tables=(replace(reasons, text_columns=2),))


def repeating_section(trials: pd.DataFrame, study_file: str, classes: StudyClasses | None) -> ReportSection:
    """Returns the classes or draws, the queries and time spent, the versions, and the study file word for word."""
    draws = trials[["imbalance_ratio", "n_minority", "n_majority"]].drop_duplicates().sort_values("imbalance_ratio")
    ends = trials.groupby(["stage", "status"])
    spent = ends[["queries", "examples", "wall_seconds"]].sum().reset_index()
    spent.insert(2, "trials", ends.size().to_numpy())
    versions = sorted({pair for text in trials["versions"].unique() for pair in json.loads(text).items()})
    return ReportSection(
        "To repeat it",
        note="The study file with every default filled in.",
        tables=(
            class_table(classes) if classes else _table("Training draws", draws, draws.columns),
            _table("What was spent", spent, spent.columns),
            Table(("of", "version or digest"), tuple((name, str(version)) for name, version in versions), "Versions"),
        ),
        text=study_file,
    )


def _table(title: str, frame: pd.DataFrame, columns: Iterable[str]) -> Table:
    names = list(columns)
    rows = tuple(tuple(map(short, row)) for row in frame[names].itertuples(index=False))
    return Table(tuple(names), rows, title)
