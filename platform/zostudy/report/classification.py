"""Sections on the decisions of confirm trials: confusion matrices and calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.parts import Figure, ReportSection, reason_not_drawn
from zostudy.results.classes import StudyClasses
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.decision import Decision, probabilities
from zostudy.results.metrics import CONFIDENCE_BINS, confidence_bins
from zostudy.results.results import Results
from zostudy.results.table_formats import Table

CLASSES, CALIBRATION = "Recall by class", "Calibration"
ERROR = "test_expected_calibration_error"
LEAST_ROWS = 10  # bins of confidence with fewer rows are not drawn
LARGEST_MATRIX = 12  # with more classes, only the diagonal of a confusion matrix is shown

_CLASSES_NOTE = (
    "The share of a true class's test rows that are predicted as each class, mean over confirm seeds. Bold is the "
    "class's recall."
)
_CALIBRATION_NOTE = (
    "Confidence is the highest softmax probability of a row. On the diagonal, accuracy equals confidence; above it, "
    "accuracy is higher."
)


def classes_section(confirm: pd.DataFrame, scores: pd.DataFrame, classes: StudyClasses | None) -> ReportSection:
    """Returns the confusion matrices of each ratio, by argmax and at the threshold of dev."""
    if reason := reason_not_drawn(confirm, scores, "scores"):
        return ReportSection(CLASSES, note=reason)
    names = [each.name for each in classes.classes] if classes else [*map(str, range(frames.n_classes(scores)))]
    shares = confusion_frame(confirm, scores)
    tables = tuple(_matrix(f"Ratio {ratio:g}", frame, names) for ratio, frame in shares.groupby("ratio"))
    return ReportSection(CLASSES, note=_CLASSES_NOTE, tables=tables)


def calibration_section(results: Results, confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> ReportSection:
    """Returns the expected calibration error of each cell, and a reliability diagram for each ratio."""
    if reason := reason_not_drawn(confirm, scores, "scores"):
        return ReportSection(CALIBRATION, note=reason)
    [table] = comparison_tables(compare(results, ERROR))
    notes = tuple(note for note in table.notes if ERROR in note or note[0] in "†‡")
    figures = tuple(_diagrams(confirm, scores, charts))
    return ReportSection(CALIBRATION, _CALIBRATION_NOTE, (replace(table, notes=notes),), figures)


def confusion_frame(confirm: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, decision, label, predicted, share``: the mean over seeds, NaN for a class without rows.

    ``decision`` is ``argmax``, or ``threshold`` if the trial has stored a dev threshold.
    """
    rows = []
    for trial, split in frames.trials_with_scores(confirm, scores, "test"):
        logits, labels = frames.scores_and_labels(split)
        threshold = trial["dev_threshold"]
        decisions = {"argmax": Decision()} | ({} if pd.isna(threshold) else {"threshold": Decision(float(threshold))})
        for name, decision in decisions.items():
            counts = np.zeros((logits.shape[1], logits.shape[1]))
            np.add.at(counts, (labels, decision.classes(logits.astype(np.float32))), 1)
            shared = {"method": trial["method"], "ratio": trial["imbalance_ratio"], "decision": name}
            rows += [
                {**shared, "label": label, "predicted": predicted, "share": count / row.sum() if row.any() else np.nan}
                for label, row in enumerate(counts)
                for predicted, count in enumerate(row)
            ]
    by = ["method", "ratio", "decision", "label", "predicted"]
    return pd.DataFrame(rows, columns=[*by, "share"]).groupby(by)["share"].mean().reset_index()


def reliability_frame(confirm: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, trial, x, y, rows, order``: mean confidence and accuracy of each bin, over all seeds."""
    parts = []
    for trial, split in frames.trials_with_scores(confirm, scores, "test"):
        logits, labels = frames.scores_and_labels(split)
        confidence = probabilities(logits.astype(np.float32)).max(axis=1)
        bins = confidence_bins(confidence)
        shared = {"method": trial["method"], "ratio": trial["imbalance_ratio"], "trial": "all seeds"}
        parts.append(pd.DataFrame({**shared, "x": confidence, "y": logits.argmax(axis=1) == labels, "order": bins}))
    by = ["method", "ratio", "trial", "order"]
    binned = pd.concat(parts).astype({"y": float}).groupby(by).agg(x=("x", "mean"), y=("y", "mean"), rows=("y", "size"))
    return binned[binned["rows"] >= LEAST_ROWS].reset_index().round(4)


def _matrix(title: str, shares: pd.DataFrame, names: Sequence[str]) -> Table:
    """Returns a row for each method and true class; with many classes its recalls alone."""
    only_recalls = len(names) > LARGEST_MATRIX
    if only_recalls:
        shares = shares[shares["label"] == shares["predicted"]]
    decided = ["decision"] if only_recalls else ["decision", "predicted"]
    matrix = shares.set_index(["method", "label", *decided])["share"].unstack(decided).sort_index(axis=1)
    true_classes: list[Any] = list(matrix.index)
    headings: list[Any] = list(matrix.columns)
    rows = tuple(
        (method, names[label], *map(_percent, row))
        for (method, label), row in zip(true_classes, matrix.to_numpy(), strict=True)
    )
    if only_recalls:
        return Table(("method", "true class", *(f"{each}: recall" for each in headings)), rows, title, text_columns=2)
    columns = ("method", "true class", *(f"{decision}: {names[predicted]}" for decision, predicted in headings))
    recalls = {(i, 2 + j) for i, (_, k) in enumerate(true_classes) for j, (_, each) in enumerate(headings) if each == k}
    return Table(columns, rows, title, text_columns=2, best=frozenset(recalls))


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.1%}"


def _diagrams(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    frame = reliability_frame(confirm, scores)
    caption = (
        f"Accuracy on test by confidence, in bins of {1 / CONFIDENCE_BINS:.3f}, over all confirm seeds; bins of fewer "
        f"than {LEAST_ROWS} rows are left out. Dashed: accuracy equals confidence."
    )
    for ratio, cell in frame.groupby("ratio"):
        chart = charts.curves(cell, f"reliability, ratio {ratio:g}", "confidence", "accuracy", (0, 1))
        yield Figure(f"reliability-ratio-{ratio:g}", chart, caption)
