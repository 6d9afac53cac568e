"""``zostudy.init_study``: a study file for somebody's data, with every guess in sight."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zostudy.config import study_of
from zostudy.config.study import EMBEDDED_MODELS, StudySpec
from zostudy.errors import ResultsError
from zostudy.inspection.commented import commented_study
from zostudy.inspection.drafting import draft
from zostudy.inspection.inspecting import Inspection, inspect
from zostudy.lm.sources import minilm_installed
from zostudy.tasks.imbalance import draw
from zostudy.tasks.loading import load_task


def init_study(
    data: str | os.PathLike[str],
    output: str | os.PathLike[str] = "study.yaml",
    *,
    name: str | None = None,
    model: str | None = None,
    text: str | None = None,
    second_text: str | None = None,
    label: str | None = None,
    template: str | None = None,
    label_words: Sequence[str] | None = None,
    minority: Sequence[str] | None = None,
    ratios: Sequence[str | float] | None = None,
    minority_size: str | int | None = None,
    methods: Sequence[str] | None = None,
) -> Path:
    """Writes a commented study of a data file, which runs as it stands, and returns its path.

    What is not given is guessed from the data. Imbalanced data is taken as it is (``natural``, ``all``). From data
    whose classes are nearly equal, the study draws ratios that the data can give.

    Args:
        data: a CSV, TSV, JSON (lines or array) or Parquet file.
        output: the file to write, which must not exist.
        name: of the study; without it, that of the data file.
        model: without it minilm where it is installed, else mini-roberta.
        text: the text column.
        second_text: the second text column of pair tasks.
        label: the label column.
        template: the words around the text.
        label_words: one a class, in label order; without them, words near the names of the classes.
        minority: the classes that are rare; without it, the rarer half.
        ratios: numbers, or ``natural``.
        minority_size: a number, or ``all``.
        methods: names of registered methods.

    Raises:
        DataError: the data cannot be used.
        ModelError: the model cannot be loaded.
        ResultsError: the output exists or cannot be written.
        SpecError: a given value breaks a rule of the study file.
    """
    target = Path(output)
    check_new(target)
    inspection = inspect(data, model or default_model(), text, second_text, label, template)
    assert inspection.model is not None
    study = draft(inspection, inspection.model, label_words)
    sections = {"task": {"minority": minority}, "imbalance": {"ratios": ratios, "minority_size": minority_size}}
    if ratios is not None or minority_size is not None:
        study["imbalance"].pop("dev_minority_size", None)  # was made for the guessed ones
    for section, values in sections.items():
        study[section] |= _given(values)
    study |= _given({"name": name, "methods": methods})
    _check_draws(study_of(study))
    _make_relative(study, target.parent)
    _write(target, commented_study(study, _opening(inspection, target)))
    return target


def default_model() -> str:
    """Returns minilm where it is installed, else mini-roberta, which is in the package."""
    return "minilm" if minilm_installed() else EMBEDDED_MODELS[0]


def check_new(target: Path) -> None:
    """Raises a ``ResultsError`` if the file exists: no study is ever written over."""
    if target.exists():
        remedy = "name another with `output`"
        raise ResultsError("must be a new file", got="it exists", remedy=remedy, about=str(target))


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the values that are given, lists as plain lists."""
    there = {key: value for key, value in values.items() if value is not None}
    return {key: value if isinstance(value, str | int) else list(value) for key, value in there.items()}


def _check_draws(spec: StudySpec) -> None:
    """Raises a ``DataError`` unless the data can give every ratio."""
    task = load_task(spec.task)
    for ratio in spec.imbalance.ratios:
        draw(task.table, task.minority, spec.imbalance, ratio, seed=0)


def _make_relative(study: dict[str, Any], folder: Path) -> None:
    """Makes the paths of data and model relative to the study's folder, so that both can move together."""
    study["task"]["file"] = Path(os.path.relpath(study["task"]["file"], folder)).as_posix()
    if os.path.isdir(study["model"]["name"]):
        study["model"]["name"] = f"./{Path(os.path.relpath(study['model']['name'], folder)).as_posix()}"


def _opening(inspection: Inspection, target: Path) -> list[str]:
    counts = ", ".join(f"{each.name} {each.rows:,}" for each in inspection.classes)
    return [
        f"{inspection.rows}. Classes in label order: {counts}. Natural ratio: {inspection.natural_ratio:g}.",
        f"zostudy run {target.name} --dry-run shows what it will take; zostudy keys lists the keys left out here.",
    ]


def _write(target: Path, text: str) -> None:
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        got = f"it is not ({error.strerror})"
        remedy = "mend the path with `output`"
        raise ResultsError("the study file must be writable", got=got, remedy=remedy, about=str(target)) from None
