"""``zostudy.predict``: texts labelled with an exported prompt, as a data frame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from zostudy.errors import DataError
from zostudy.export.labelling import InputTexts, labelled, read_texts
from zostudy.export.manifest import Manifest, read_manifest
from zostudy.tasks.rows import RawRows


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
        texts: a CSV, TSV, JSON or Parquet file, whose columns stay; or a list of texts, of a task without second texts.
        text: the text column of a file; without it, as in the study.
        second_text: the second text column of a pair task; without it, as in the study.
        model: the model, if it is not where the study had it.
        device: ``cpu`` or ``cuda``.
        truncate: cut texts that are too long for the model.
        trust_remote_code: run Python files that come with the model.

    Returns:
        A row a text: ``predicted_label`` at the threshold of dev, ``argmax_label``, and ``score_`` and ``probability_``
        of each class.

    Raises:
        ZostudyError: the export, the texts or the model cannot be used.
    """
    from zostudy.export.predict import predict as score_texts  # torch is loaded once the texts are known to be fit

    folder = Path(export)
    manifest = read_manifest(folder)
    if isinstance(texts, str | os.PathLike):
        rows, given = read_texts(Path(texts), manifest, text, second_text)
    else:
        rows, given = _listed(list(texts), manifest)
    scores = score_texts(folder, manifest, given, lambda done: None, device, model, truncate, trust_remote_code)
    frame: pd.DataFrame = labelled(rows, scores, manifest).table.to_pandas()
    return frame


def _listed(texts: list[str], manifest: Manifest) -> tuple[RawRows, InputTexts]:
    if manifest.task.second_text is not None:
        rule, remedy = f"task {manifest.task.name!r} needs two texts a row", "give a file with both columns"
        raise DataError(rule, got="got a list of texts", remedy=remedy, about="`texts`")
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        rule, remedy = "must be texts, of which none is empty", "leave empty ones out"
        raise DataError(rule, remedy=remedy, about="`texts`")
    return RawRows(pa.table({manifest.task.text: texts})), InputTexts(tuple(texts), None)
