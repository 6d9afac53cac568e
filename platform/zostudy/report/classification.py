"""How confirm trials decide and how sure they are: the classes that rows are given, and the reliability of scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from zostudy.report import frames
from zostudy.report.charts import Charts
from zostudy.report.parts import Figure, ReportSection, none_drawn
from zostudy.results.classes import StudyClasses
from zostudy.results.comparison.compare import compare
from zostudy.results.comparison.metric_tables import comparison_tables
from zostudy.results.decision import Decision, probabilities
from zostudy.results.metrics import CONFIDENCE_BINS
from zostudy.results.results import Results
from zostudy.results.table_formats import Table

CLASSES, CALIBRATION = "Recall by class", "Calibration"
ERROR = "test_expected_calibration_error"
LEAST_ROWS = 10
"""Rows that a bin of confidence needs to be drawn."""

MOST_CLASSES = 12
"""Classes whose matrix is shown as a whole."""

_CLASSES_NOTE = (
    "The share of a true class's test rows that is given each class, mean over confirm seeds. Bold is the class's "
    "recall."
)
_CALIBRATION_NOTE = (
    "Confidence is the highest softmax probability of a row. On the diagonal, scores are as often right as they are "
    "sure; above it they are right more often."
)


def classes_section(confirm: pd.DataFrame, scores: pd.DataFrame, classes: StudyClasses | None) -> ReportSection:
    """Returns the confusion matrices of each ratio, by argmax and at the threshold of dev."""
    if none := none_drawn(confirm, scores, "scores"):
        return ReportSection(CLASSES, note=none)
    names = [each.name for each in classes.classes] if classes else [*map(str, range(frames.n_classes(scores)))]
    shares = confusion_frame(confirm, scores)
    tables = tuple(_matrix(f"Ratio {ratio:g}", frame, names) for ratio, frame in shares.groupby("ratio"))
    return ReportSection(CLASSES, note=_CLASSES_NOTE, tables=tables)


def calibration_section(results: Results, confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> ReportSection:
    """Returns the expected calibration error of each cell, and a reliability diagram a ratio."""
    if none := none_drawn(confirm, scores, "scores"):
        return ReportSection(CALIBRATION, note=none)
    [table] = comparison_tables(compare(results, ERROR))
    notes = tuple(note for note in table.notes if ERROR in note or note[0] in "†‡")
    figures = tuple(_diagrams(confirm, scores, charts))
    return ReportSection(CALIBRATION, _CALIBRATION_NOTE, (replace(table, notes=notes),), figures)


def confusion_frame(confirm: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, decision, label, predicted, share``: the mean over seeds, NaN for a class without rows.

    ``decision`` is ``argmax`` or, of two classes where dev stored one, ``threshold``.
    """
    rows = []
    for trial, split in frames.of_split(confirm, scores, "test"):
        logits, labels = frames.arrays(split)
        of_dev = trial["dev_threshold"]
        decisions = {"argmax": Decision()} | ({} if pd.isna(of_dev) else {"threshold": Decision(float(of_dev))})
        for name, decision in decisions.items():
            counts = np.zeros((logits.shape[1], logits.shape[1]))
            np.add.at(counts, (labels, decision.classes(logits.astype(np.float32))), 1)
            place = {"method": trial["method"], "ratio": trial["imbalance_ratio"], "decision": name}
            rows += [
                {**place, "label": label, "predicted": predicted, "share": count / of.sum() if of.any() else np.nan}
                for label, of in enumerate(counts)
                for predicted, count in enumerate(of)
            ]
    by = ["method", "ratio", "decision", "label", "predicted"]
    return pd.DataFrame(rows, columns=[*by, "share"]).groupby(by)["share"].mean().reset_index()


def reliability_frame(confirm: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Returns ``method, ratio, trial, x, y, rows, order``: mean confidence and accuracy of each bin, over all seeds."""
    parts = []
    for trial, split in frames.of_split(confirm, scores, "test"):
        logits, labels = frames.arrays(split)
        confidence = probabilities(logits.astype(np.float32)).max(axis=1)
        bins = np.searchsorted(np.linspace(0, 1, CONFIDENCE_BINS + 1)[1:-1], confidence)
        place = {"method": trial["method"], "ratio": trial["imbalance_ratio"], "trial": "all seeds"}
        parts.append(pd.DataFrame({**place, "x": confidence, "y": logits.argmax(axis=1) == labels, "order": bins}))
    by = ["method", "ratio", "trial", "order"]
    binned = pd.concat(parts).astype({"y": float}).groupby(by).agg(x=("x", "mean"), y=("y", "mean"), rows=("y", "size"))
    return binned[binned["rows"] >= LEAST_ROWS].reset_index().round(4)


def _matrix(title: str, shares: pd.DataFrame, names: Sequence[str]) -> Table:
    cells = ["method", "label", "decision", "predicted"]
    share = dict(zip(shares[cells].itertuples(index=False, name=None), shares["share"], strict=True))
    if len(names) > MOST_CLASSES:
        return _recalls(title, share, names)
    given = [(str(method), int(label)) for method, label in sorted({key[:2] for key in share})]
    decided = [(str(decision), int(predicted)) for decision, predicted in sorted({key[2:] for key in share})]
    rows = tuple(
        (method, names[label], *(_percent(share.get((method, label, *cell), np.nan)) for cell in decided))
        for method, label in given
    )
    recalls = {(i, 2 + j) for i, (_, label) in enumerate(given) for j, (_, one) in enumerate(decided) if one == label}
    columns = ("method", "true class", *(f"{decision}: {names[predicted]}" for decision, predicted in decided))
    return Table(columns, rows, title, text_columns=2, best=frozenset(recalls))


def _recalls(title: str, share: Mapping[tuple[Any, ...], float], names: Sequence[str]) -> Table:
    """Returns the diagonal alone, where a matrix of all classes would be too wide to read."""
    diagonal = {key: value for key, value in share.items() if key[1] == key[3]}
    decisions = sorted({decision for _, _, decision, _ in diagonal})
    rows = tuple(
        (str(method), names[label], *(_percent(diagonal.get((method, label, of, label), np.nan)) for of in decisions))
        for method, label in sorted({key[:2] for key in diagonal})
    )
    return Table(("method", "true class", *(f"{of}: recall" for of in decisions)), rows, title, text_columns=2)


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.1%}"


def _diagrams(confirm: pd.DataFrame, scores: pd.DataFrame, charts: Charts) -> Iterator[Figure]:
    frame = reliability_frame(confirm, scores)
    caption = (
        f"Accuracy on test by confidence, in bins of {1 / CONFIDENCE_BINS:.3f}, over all confirm seeds; bins of fewer "
        f"than {LEAST_ROWS} rows are left out. Dashed: as right as sure."
    )
    for ratio, cell in frame.groupby("ratio"):
        chart = charts.curves(cell, f"reliability, ratio {ratio:g}", "confidence", "accuracy", (0, 1))
        yield Figure(f"reliability-ratio-{ratio:g}", chart, caption)
