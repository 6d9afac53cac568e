"""Files of texts in, the same rows with predictions out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zostudy.errors import DataError
from zostudy.export.manifest import Manifest
from zostudy.export.writing import object_texts
from zostudy.results.decision import Decision, probabilities
from zostudy.tasks.columns import texts_of
from zostudy.tasks.files import read_rows
from zostudy.tasks.rows import RawRows
from zostudy.wording import comma_list

LABEL, ARGMAX_LABEL = "predicted_label", "argmax_label"


@dataclass(frozen=True)
class InputTexts:
    """The texts to label.

    Attributes:
        texts: n texts.
        second_texts: the second texts of a pair task, or None.
    """

    texts: tuple[str, ...]
    second_texts: tuple[str, ...] | None


def read_texts(file: Path, manifest: Manifest, text: str | None, second_text: str | None) -> tuple[RawRows, InputTexts]:
    """Returns a file's rows, and the texts among them.

    Args:
        file: CSV, TSV, JSON (an array or lines) or Parquet.
        manifest: names the columns that the study's data had.
        text: the text column, if it is another one here.
        second_text: the second text column of a pair task, if it is another one here.

    Raises:
        DataError: the file cannot be read, lacks a column, has empty texts, or has columns named as the predictions.
    """
    if not file.is_file():
        fault = "it is a folder" if file.is_dir() else "there is no such file"
        remedy = "name a CSV, TSV, JSON or Parquet file"
        raise DataError("must be a file of texts", got=fault, remedy=remedy, about=str(file))
    task, rows = manifest.task, read_rows(file)
    if second_text is not None and task.second_text is None:
        raise DataError(f"task {task.name!r} has no second text", remedy="leave out `second_text`")
    second_column = task.second_text and (second_text or task.second_text)
    taken = [column for column in _columns(manifest) if column in rows.table.column_names]
    if taken:
        fault = f"has {taken[0]!r} already"
        raise DataError("must have no column that predictions add", got=fault, remedy="rename it", about=str(file))
    if text is None and task.text not in rows.table.column_names:
        got, remedy = f"its columns are {comma_list(rows.table.column_names)}", "name the text column by `text`"
        raise DataError(f"must have the column {task.text!r}, as in the study", got=got, remedy=remedy, about=str(file))
    return rows, InputTexts(*texts_of(rows.table, text or task.text, second_column, str(file)))


def labelled(rows: RawRows, scores: NDArray[np.float32], manifest: Manifest) -> RawRows:
    """Returns the rows, as they are, with their labels, and ``score_`` and ``probability_`` of each class.

    ``predicted_label`` is decided as the manifest says: of two classes at the threshold that dev chose.
    ``argmax_label`` is the class with the highest score.

    Args:
        rows: n rows.
        scores: float32 ``[n, C]``.
        manifest: names the classes, and how scores become one.
    """
    names = manifest.task.class_names
    labels = [
        pa.array([names[k] for k in decision.classes(scores)], pa.string())
        for decision in (manifest.decision, Decision())
    ]
    numbers = [pa.array(column) for column in (*scores.T, *probabilities(scores).T)]
    predictions = pa.table([*labels, *numbers], names=_columns(manifest))
    table = rows.table
    for name in predictions.column_names:
        table = table.append_column(name, predictions[name])
    objects = rows.objects
    if objects is not None:
        added = object_texts(predictions)
        objects = tuple(f"{row[:-1].rstrip()}, {more[1:]}" for row, more in zip(objects, added, strict=True))
    return replace(rows, table=table, objects=objects)


def _columns(manifest: Manifest) -> list[str]:
    names = manifest.task.class_names
    return [LABEL, ARGMAX_LABEL, *(f"score_{name}" for name in names), *(f"probability_{name}" for name in names)]
