"""``zostudy.predict``: labels texts with an exported prompt, and adds the predictions to the rows of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zostudy.arguments import check_texts, path_of
from zostudy.errors import DataError
from zostudy.export.manifest import Manifest, read_manifest
from zostudy.export.task import InputTexts
from zostudy.export.writing import object_texts
from zostudy.results.decision import Decision, probabilities
from zostudy.tasks.columns import texts_of
from zostudy.tasks.files import read_rows
from zostudy.tasks.rows import RawRows
from zostudy.wording import comma_list

if TYPE_CHECKING:
    import pandas as pd

LABEL, ARGMAX_LABEL = "predicted_label", "argmax_label"


def predict(
    export: str | os.PathLike[str],
    texts: str | os.PathLike[str] | Sequence[str],
    text: str | None = None,
    second_text: str | None = None,
    model: str | None = None,
    device: str = "cpu",
    truncate: bool = False,
    trust_remote_code: bool = False,
) -> pd.DataFrame:
    """Returns texts with their labels, scores and probabilities, as ``zostudy predict`` writes them.

    Args:
        export: a folder that ``zostudy.export`` wrote.
        texts: a CSV, TSV, JSON or Parquet file, whose columns stay; or a list of texts, if the task has no second text.
        text: the text column of a file. Default: as in the study.
        second_text: the second text column of a pair task. Default: as in the study.
        model: where the model is now, if it has moved since the study.
        device: ``cpu`` or ``cuda``.
        truncate: cut texts that are too long for the model.
        trust_remote_code: run Python files that come with the model.

    Returns:
        A row for each text: ``predicted_label`` at the threshold of dev, ``argmax_label``, and ``score_`` and
        ``probability_`` of each class.

    Raises:
        ZostudyError: the export, the texts or the model cannot be used.
    """
    from zostudy.export.scoring import score_texts  # torch is loaded after the texts are checked

    folder = path_of(export, "export")
    check_texts(text=text, second_text=second_text, model=model, device=device)
    manifest = read_manifest(folder)
    if isinstance(texts, str | os.PathLike):
        rows, given = read_texts(Path(texts), manifest, text, second_text)
    else:
        rows, given = _rows_of_list(list(texts) if isinstance(texts, Iterable) else [], manifest)
    scores = score_texts(folder, manifest, given, lambda done: None, device, model, truncate, trust_remote_code)
    frame: pd.DataFrame = with_predictions(rows, scores, manifest).table.to_pandas()
    return frame


def read_texts(file: Path, manifest: Manifest, text: str | None, second_text: str | None) -> tuple[RawRows, InputTexts]:
    """Returns the rows of a CSV, TSV, JSON or Parquet file, and their texts.

    ``text`` and ``second_text`` name the columns, if these are not those of the study's data.

    Raises:
        DataError: the file cannot be read, lacks a column, has empty texts, or has columns named as the predictions.
    """
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


def with_predictions(rows: RawRows, scores: NDArray[np.float32], manifest: Manifest) -> RawRows:
    """Returns n rows with their labels, and ``score_`` and ``probability_`` of each class, as further columns.

    ``scores`` are float32 ``[n, C]``. ``predicted_label`` is decided as the manifest says: of two classes at the
    threshold that dev chose. ``argmax_label`` is the class with the highest score.
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


def _rows_of_list(texts: list[str], manifest: Manifest) -> tuple[RawRows, InputTexts]:
    if manifest.task.second_text is not None:
        rule, remedy = f"task {manifest.task.name!r} needs two texts a row", "give a file with both columns"
        raise DataError(rule, got="got a list of texts", remedy=remedy, about="`texts`")
    if not texts or not all(map(_is_text, texts)):
        rule, remedy = "must be a file, or texts in Unicode of which none is empty", "leave others out"
        raise DataError(rule, remedy=remedy, about="`texts`")
    return RawRows(pa.table({manifest.task.text: texts})), InputTexts(tuple(texts), None)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value == value.encode(errors="ignore").decode()


def _columns(manifest: Manifest) -> list[str]:
    names = manifest.task.class_names
    return [LABEL, ARGMAX_LABEL, *(f"score_{name}" for name in names), *(f"probability_{name}" for name in names)]
