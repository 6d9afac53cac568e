"""The metrics of an exported prompt on rows with true labels, at the threshold and by argmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zostudy.errors import DataError
from zostudy.export.manifest import Manifest
from zostudy.export.task import ExportedTask
from zostudy.results.decision import Decision
from zostudy.results.metrics import classification_metrics, decision_metrics
from zostudy.results.table_formats import Table, plain
from zostudy.tasks.labels import NAME_COLUMN, NO_LABEL, by_value, is_number, read_labels
from zostudy.tasks.wellknown import WELL_KNOWN
from zostudy.wording import comma_list

MOST_RECALLS = 6
"""The table shows the recall of each class if there are no more classes than these."""

Names = Sequence[str | None]


@dataclass(frozen=True)
class TrueLabels:
    """The true labels of a file's rows.

    Attributes:
        column: the label column.
        classes: int32 ``[n]``, ``NO_LABEL`` for a row without a label.
        note: on the reading of numbers as classes.
    """

    column: str
    classes: NDArray[np.int32]
    note: str | None = None


def true_labels(table: pa.Table, task: ExportedTask, label: str | None, source: str) -> TrueLabels | None:
    """Returns the true labels of a file's rows; None if the file lacks the study's label column.

    The labels are class names, in the column ``label`` (default: the study's) or in ``label_name``. If they are C
    different numbers for C classes, the numbers in ascending order stand for the classes in label order. ``source`` is
    the file, for errors.

    Raises:
        DataError: ``label`` is no column of the file, or the column holds other values than these classes.
    """
    column = label or task.label
    if column is None or (label is None and column not in table.column_names):
        return None
    names = read_labels(table, column, source).names
    if (classes := _named(names, task)) is not None:
        return TrueLabels(column, classes)
    if NAME_COLUMN in table.column_names:
        named = _named(read_labels(table, NAME_COLUMN, source).names, task)
        if named is not None:
            return TrueLabels(NAME_COLUMN, named)
    if (ranked := _ranked(names, task)) is not None:
        return TrueLabels(column, *ranked)
    others = [name for name in names if name is not None and name not in task.class_names]
    rule = f"column {column!r} must hold the classes {comma_list(task.class_names)}"
    got = f"it holds {others[0]!r}" if others else "it is empty"
    raise DataError(rule, got=got, remedy="write the classes so, or name their column by `label`", about=source)


def metrics_lines(scores: NDArray[np.float32], labels: TrueLabels, manifest: Manifest) -> list[str]:
    """Returns the metrics of the rows with a true label, as lines of a table with a row for each decision.

    ``scores`` are float32 ``[n, C]``. If all labels are equal, no metric is defined, and one line says so.
    """
    measured = labels.classes != NO_LABEL
    classes, scores, names = labels.classes[measured], scores[measured], manifest.task.class_names
    if len(np.unique(classes)) < 2:
        return [f"no metrics: all rows are {names[classes[0]]!r} in column {labels.column!r}"]
    # The choice of minority classes changes no metric shown here: with two classes, either one has the same AUC.
    all_metrics = classification_metrics(scores, classes, tuple(range(len(names))))
    shown = [k for k in range(len(names)) if len(names) <= MOST_RECALLS and (classes == k).any()]
    decisions = {"argmax": Decision()}
    if manifest.decision.threshold is not None:
        decisions["threshold"] = manifest.decision
    rows = [(name, *_measured(decision.classes(scores), classes, shown)) for name, decision in decisions.items()]
    title = (
        f"{len(classes):,} rows with a class in column {labels.column!r}: AUC {all_metrics['auc']:.3f}, "
        f"expected calibration error {all_metrics['expected_calibration_error']:.3f}"
    )
    recalls = (f"recall of {names[k]}" for k in shown)
    columns = ("decision", "accuracy", "balanced accuracy", "macro F1", "MCC", *recalls)
    return plain(Table(columns, tuple(rows), title)).splitlines()


def _measured(predicted: NDArray[np.int64], classes: NDArray[np.int32], shown: Sequence[int]) -> tuple[str, ...]:
    metrics = decision_metrics(predicted, classes, tuple(np.unique(classes).tolist()))
    values = [
        float(np.mean(predicted == classes)),
        *(metrics[name] for name in ("balanced_accuracy", "macro_f1", "mcc")),
        *(float(np.mean(predicted[classes == k] == k)) for k in shown),
    ]
    return tuple(f"{value:.3f}" for value in values)


def _named(names: Names, task: ExportedTask) -> NDArray[np.int32] | None:
    """Returns the classes of names; None if a name is no class, or all names are empty."""
    known = WELL_KNOWN.get(task.name)
    label_of: dict[str, int | None] = {name: k for k, name in enumerate(task.class_names)}
    if known is not None and known.class_names == task.class_names:
        label_of = {name: known.label_of(name) for name in names if name is not None} | label_of
    return _numbered(names, label_of)


def _ranked(names: Names, task: ExportedTask) -> tuple[NDArray[np.int32], str] | None:
    """Returns the classes of C different numbers by their order, and a note; None if they are not C numbers."""
    found = {name for name in names if name is not None}
    if len(found) != len(task.class_names) or not all(map(is_number, found)):
        return None
    order = sorted(found, key=by_value)
    classes = _numbered(names, {name: k for k, name in enumerate(order)})
    pairs = (f"{number} = {name}" for number, name in zip(order, task.class_names, strict=True))
    note = f"labels that are numbers are taken as the classes in their order: {', '.join(pairs)}"
    return None if classes is None else (classes, note)


def _numbered(names: Names, label_of: Mapping[str, int | None]) -> NDArray[np.int32] | None:
    found = {name for name in names if name is not None}
    if not found or any(label_of.get(name) is None for name in found):
        return None
    return np.array([NO_LABEL if name is None else label_of[name] for name in names], np.int32)
