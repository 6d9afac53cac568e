"""``zostudy.init_study``: writes a commented study file for a data file."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zostudy.arguments import path_of
from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.loading import study_of
from zostudy.config.overrides import override
from zostudy.config.study import StudySpec
from zostudy.document import parse_document
from zostudy.errors import DataError, SpecError
from zostudy.inspection.drafting import commented_study, draft
from zostudy.inspection.facts import Inspection
from zostudy.inspection.inspecting import NUMBERED, inspect
from zostudy.inspection.sizing import CORES, FittedSize, fit_size
from zostudy.lm.sources import minilm_installed
from zostudy.results.filesystems import write_by_rename
from zostudy.tasks.imbalance import draw
from zostudy.tasks.loading import load_task
from zostudy.yaml_text import dump_yaml


def init_study(
    data: str | os.PathLike[str],
    output: str | os.PathLike[str] = "study.yaml",
    model: str | None = None,
    text: str | None = None,
    second_text: str | None = None,
    label: str | None = None,
    template: str | None = None,
    overrides: Sequence[str] = (),
) -> Path:
    """Writes a commented study of a data file, ready to run, and returns its path.

    Columns that are not given are guessed. The study takes the data at its natural ratio with all its rows. Its size is
    chosen so that it ends in a few minutes, and a comment lists the parts that are left out for this.

    Args:
        data: a CSV, TSV, JSON (lines or array) or Parquet file.
        output: the file to write, which must not exist.
        model: the model. Default: minilm if it is installed, else mini-roberta.
        text: the text column.
        second_text: the second text column of pair tasks.
        label: the label column.
        template: the words around the text.
        overrides: settings of the study, such as ``imbalance.ratios=[1, 10]``.

    Raises:
        DataError: the data cannot be used, cannot give the ratios, or has too few rows of a class for train and dev.
        ModelError: the model cannot be loaded.
        SpecError: the output exists or cannot be written, or an override breaks a rule of the study file.
        ZostudyError: an argument is of the wrong type or empty.
    """
    target = path_of(output, "output")
    check_new(target)
    inspection = inspect(data, default_model() if model is None else model, text, second_text, label, template)
    assert inspection.model is not None
    _check_words(inspection.model.draft.wording.label_words, inspection, overrides)
    _check_rows(inspection)
    fitted = fit_size(inspection, inspection.model)
    drafted = draft(inspection, inspection.model, fitted)
    spec = study_of(drafted, overrides)
    _check_draws(spec)
    study = override(parse_document(dump_yaml(drafted), str(target)), overrides).data
    _make_relative(study, spec, target.parent)
    _write(target, commented_study(study, _opening(inspection, fitted, target)))
    return target


def default_model() -> str:
    """Returns minilm if it is installed, else mini-roberta, which is part of the package."""
    return "minilm" if minilm_installed() else EMBEDDED_MODELS[0]


def check_new(target: Path) -> None:
    """Raises a ``SpecError`` if the file exists: studies are never overwritten."""
    if target.exists():
        remedy = "name another with `output`"
        raise SpecError("must be a new file", got="it exists", remedy=remedy, about=str(target))


def _check_rows(inspection: Inspection) -> None:
    least = 2 if inspection.available.dev is None else 1
    for each in inspection.classes:
        if each.candidates < least:
            raise DataError(
                f"each class needs {least} rows or more for train and dev",
                got=f"{each.name!r} has {each.candidates} (repeats and texts of test not counted)",
                remedy="supply more, or remove the class",
                about=inspection.file,
            )


def _check_words(words: Sequence[str], inspection: Inspection, overrides: Sequence[str]) -> None:
    if not all(words) and not any(setting.startswith("task.label_words=") for setting in overrides):
        raise SpecError(
            "each class needs a label word of its own",
            got=f"the model has too few of one token for {len(inspection.classes)} classes",
            remedy="give `overrides` task.label_words=[...]",
            about=inspection.file,
        )


def _check_draws(spec: StudySpec) -> None:
    """Raises a ``DataError`` unless the data can give every ratio."""
    task = load_task(spec.task)
    for ratio in spec.imbalance.ratios:
        draw(task.table, task.minority, spec.imbalance, ratio, seed=0)


def _make_relative(study: dict[str, Any], spec: StudySpec, folder: Path) -> None:
    """Makes the paths of data and model relative to the study's folder, so that all three can move together."""
    if spec.task.file is not None:
        study["task"]["file"] = Path(os.path.relpath(spec.task.file, folder)).as_posix()
    if os.path.isabs(spec.model.name):
        study["model"]["name"] = f"./{Path(os.path.relpath(spec.model.name, folder)).as_posix()}"


def _opening(inspection: Inspection, fitted: FittedSize, target: Path) -> list[str]:
    counts = ", ".join(f"{each.name} ({each.rows:,})" for each in inspection.classes)
    time = f"about {math.ceil(fitted.minutes)} min on {CORES} usual processor cores, by text length and model size"
    ratio = f"Natural ratio of train and dev: {inspection.natural_ratio:g}"
    return [
        f"{inspection.rows}. Classes in label order: {counts}. {ratio}.",
        *(f"Note: {note}." for note in inspection.notes if note == NUMBERED),
        f"Expected: {time}. {fitted.cuts}".rstrip(),
        "Ratios such as [natural, 10, 50] also show what happens where a class becomes rarer. The reference white-box "
        "among the methods shows how much room is left, and takes as long as all others together.",
        f"zostudy run {target.name} --dry-run measures what it will take; zostudy keys lists the keys left out here.",
    ]


def _write(target: Path, text: str) -> None:
    check_new(target)
    try:
        write_by_rename(target, text.encode())
    except OSError as error:
        got = f"it is not ({error.strerror})"
        remedy = "mend the path with `output`"
        raise SpecError("the study file must be writable", got=got, remedy=remedy, about=str(target)) from None
