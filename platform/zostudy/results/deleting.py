"""Deletes the results of a study. The study file stays, and so does what no run has written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zostudy.errors import ResultsError
from zostudy.results.checkpoints import CHECKPOINTS
from zostudy.results.claims import CLAIMS
from zostudy.results.lease import lease
from zostudy.results.repair import DAMAGED
from zostudy.results.schema import OLDER_NAMES, SCHEMAS
from zostudy.results.storage import Storage, Where
from zostudy.results.stored_tables import read_table
from zostudy.results.study_file import STUDY_FILE

# Trials first: without them nothing else counts, should the machine stop meanwhile.
_TABLES = sorted([*SCHEMAS, *OLDER_NAMES.values()], key=lambda table: table != "trials")
_FOLDERS = (*_TABLES, CHECKPOINTS, DAMAGED, "figures", "tensorboard")
_FILES = re.compile(
    r"(classes\.json|study\.log|ray\.log(\.1)?|report\.html|timeline\.json|optuna\.journal(\.damaged-\d+|\.lock.*)?)"
    r"(\.unfinished)?"
)


@dataclass(frozen=True)
class DeletionPlan:
    """A study whose results may be deleted.

    Attributes:
        storage: of the study.
        trials: stored trials; None if they cannot be read.
        folders: that go.
        files: that go.
        kept: folders and files that stay, as no run has written them.
    """

    storage: Storage
    trials: int | None
    folders: tuple[str, ...]
    files: tuple[str, ...]
    kept: tuple[str, ...]


def plan_deletion(where: Where) -> DeletionPlan:
    """Returns the folders and files that deleting a study's results would remove.

    Raises:
        ResultsError: there is no study.
    """
    storage = Storage.at(where)
    folders, files = set(storage.folders()) if storage.is_folder() else set(), storage.files()
    if STUDY_FILE not in files:
        got, remedy = f"{storage / STUDY_FILE} is missing", "name the folder of one study"
        remedy = remedy if storage.is_folder() else storage.suggestion(remedy)
        raise ResultsError("must be the results folder of a study", got=got, remedy=remedy)
    going = tuple(name for name in _FOLDERS if name in folders)
    known = tuple(filter(_FILES.fullmatch, files))
    kept = (*sorted(folders - {*going, CLAIMS}), *(name for name in files if name not in known))
    return DeletionPlan(storage, _count(storage), going, known, tuple(name for name in kept if name != STUDY_FILE))


def delete_results(study: DeletionPlan) -> None:
    """Deletes the results of a study for good.

    Raises:
        ResultsError: a driver is running it, a run has added trials since, or something cannot be removed.
    """
    with lease(study.storage):
        if _count(study.storage) != study.trials:
            rule = "results must be those whose deletion was asked for"
            raise ResultsError(rule, got="a run has added trials since", remedy="delete again")
        for folder in study.folders:
            study.storage.remove_folder(folder)
        for file in study.files:
            study.storage.remove(file)


def _count(storage: Storage) -> int | None:
    try:
        return int(read_table(storage, "trials", ("trial",)).num_rows)
    except ResultsError:
        return None  # damaged results may be deleted as well
