"""The studies of the suite: each part at each budget, with the methods that enter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zostudy.config.loading import load_study
from zostudy.config.study import StudySpec
from zostudy.errors import DataError, SpecError
from zostudy.ratios import ratio_text
from zostudy.results.storage import Storage
from zostudy.results.study_file import STUDY_FILE, read_stored_study
from zostudy.suite.definition import Part, Slice
from zostudy.suite.inputs import check_methods, data_file
from zostudy.tasks.loading import load_task
from zostudy.wording import comma_list


@dataclass(frozen=True)
class SuiteStudy:
    """A part at one budget, ready to run.

    Attributes:
        part: of the suite.
        spec: its study.
        storage: where its results are or will be.
    """

    part: Part
    spec: StudySpec
    storage: Storage


def suite_studies(of: Slice, methods: Sequence[str], data: Path | None, results: Storage) -> list[SuiteStudy]:
    """Returns the studies to run, checked as far as is known before a model is read.

    A folder that an earlier run left holds more methods; they stay in the study, and are finished where they are not.

    Args:
        of: the slice of the suite.
        methods: that enter; without any, only those that the folders hold.
        data: the folder of data files, if there is one.
        results: where the studies' folders are made.

    Raises:
        ZostudyError: a method, a data file or the texts in it are not those that the suite needs.
    """
    check_methods(methods)
    studies = []
    for part in of.parts:
        file = data_file(part, data)
        for budget in of.budgets:
            storage = results / of.study_name(part, budget)
            settings = _settings(of, budget, _entries(storage, methods), storage.name, file)
            if of.ratio is None or of.ratio in load_study(part.study_file, settings).imbalance.ratios:
                settings += [] if of.ratio is None else [f"imbalance.ratios=[{ratio_text(of.ratio)}]"]
                studies.append(SuiteStudy(part, load_study(part.study_file, settings), storage))
    if not studies:
        got = f"none of {comma_list(part.name for part in of.parts)} has it"
        raise SpecError("must be a ratio of a part", got=got, remedy="name another, or more parts", about="`ratio`")
    for study in {study.part: study for study in studies}.values():
        _check_digest(study)
    return studies


def _settings(of: Slice, budget: int, entries: Sequence[Any], name: str, file: Path | None) -> list[str]:
    """Returns what a study file of the suite leaves open, as overrides."""
    return [
        f"name={name}",
        f"budget.queries={budget}",
        f"methods={json.dumps(entries)}",
        *([] if file is None else [f"task.file={json.dumps(str(file))}"]),
        *([] if of.seeds is None else [f"confirm.seeds={of.seeds}"]),
    ]


def _entries(storage: Storage, methods: Sequence[str]) -> list[Any]:
    """Returns the entries of ``methods`` of a study that ran, if it did, and the new ones."""
    stored: list[Any] = []
    if storage.exists(STUDY_FILE):
        stored = read_stored_study(storage, "the suite", "give another folder of results").data.get("methods", [])
    return [*stored, *(method for method in methods if method not in stored)]


def _check_digest(study: SuiteStudy) -> None:
    found = load_task(study.spec.task).table.digest
    if found != study.part.digest:
        raise DataError(
            f"the texts, labels and splits of {study.part.name} must have the digest {study.part.digest}",
            got=f"those of {study.spec.task.file or 'the hub'} have {found}",
            remedy="zostudy guide suite names the source of each file",
        )
