"""How well an exported prompt labels rows whose classes a file holds: the metrics of both decisions."""

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
from zostudy.tasks.labels import NAME_COLUMN, NO_LABEL, read_labels
from zostudy.tasks.naming import by_value, is_number
from zostudy.tasks.wellknown import WELL_KNOWN
from zostudy.wording import comma_list

MOST_RECALLS = 6
"""Classes up to which the table shows the recall of each."""

Names = Sequence[str | None]


@dataclass(frozen=True)
class KnownLabels:
    """The classes that a file gives its rows.

    Attributes:
        column: where they stand.
        classes: int32 ``[n]``, ``NO_LABEL`` where a row has none.
        note: how they were read, if that is not plain.
    """

    column: str
    classes: NDArray[np.int32]
    note: str | None = None


def known_labels(table: pa.Table, task: ExportedTask, label: str | None, source: str) -> KnownLabels | None:
    """Returns the classes of a file's rows; None where the file lacks the study's label column.

    They are names of classes, in the label column or in ``label_name``. As many numbers as there are classes are taken
    as the classes in their order.

    Args:
        table: the rows.
        task: names the classes, and the label column that the study's data had.
        label: the label column, if it is another one here.
        source: the file, for errors.

    Raises:
        DataError: ``label`` is no column of the file, or the column holds something else than these classes.
    """
    column = label or task.label
    if column is None or (label is None and column not in table.column_names):
        return None
    names = read_labels(table, column, source).names
    if (classes := _named(names, task)) is not None:
        return KnownLabels(column, classes)
    if NAME_COLUMN in table.column_names:
        named = _named(read_labels(table, NAME_COLUMN, source).names, task)
        if named is not None:
            return KnownLabels(NAME_COLUMN, named)
    if (ranked := _ranked(names, task)) is not None:
        return KnownLabels(column, *ranked)
    others = [name for name in names if name is not None and name not in task.class_names]
    rule = f"column {column!r} must hold the classes {comma_list(task.class_names)}"
    raise DataError(rule, got=f"it holds {others[0]!r}" if others else "it is empty", about=source)


def metrics_lines(scores: NDArray[np.float32], labels: KnownLabels, manifest: Manifest) -> list[str]:
    """Returns the metrics of the rows that have a class, as lines of a table, a row a decision.

    With rows of a single class there is nothing to rank, and one line says so.

    Args:
        scores: float32 ``[n, C]``.
        labels: of the same rows.
        manifest: names the classes and the decision.
    """
    measured = labels.classes != NO_LABEL
    classes, scores, names = labels.classes[measured], scores[measured], manifest.task.class_names
    if len(np.unique(classes)) < 2:
        return [f"no metrics: all rows are {names[classes[0]]!r} in column {labels.column!r}"]
    # The AUC of two classes is that of either; no metric shown here asks which of them is rare.
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
    """Returns the classes that names stand for; None if one of them is no class, or all are empty."""
    known = WELL_KNOWN.get(task.name)
    label_of: dict[str, int | None] = {name: k for k, name in enumerate(task.class_names)}
    if known is not None and known.class_names == task.class_names:
        label_of = {name: known.label_of(name) for name in names if name is not None} | label_of
    return _numbered(names, label_of)


def _ranked(names: Names, task: ExportedTask) -> tuple[NDArray[np.int32], str] | None:
    """Returns the classes of numbers, which name them in their order, and a note; None if they do not."""
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
