"""Finds studies in folders, and reads their tables of trials, also while a study runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from zostudy.errors import ResultsError
from zostudy.results.storage import Storage, Where
from zostudy.results.stored_tables import read_table
from zostudy.wording import comma_list

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

MOST_AT_ONCE = 8

T = TypeVar("T")

_KEY = ("study", "trial")
_WHERE = (str, PathLike, Storage)
_REMEDY = "give the folder that the study named when it ended, such as results/quickstart"


def find_studies(path: Where | Sequence[Where]) -> list[Storage]:
    """Returns the storages of the studies that ``load_results`` would read, with or without finished trials.

    Files and folders without a study may stand beside others, as in ``results/*``: a note says that they are left out.

    Args:
        path: as of ``load_results``.

    Raises:
        ResultsError: a folder is missing, or none holds a study.
    """
    given = _without_others([Storage.at(each) for each in given_paths(path)])
    found = [folder for storage in given for folder in _study_folders(storage)]
    return list({folder.folder.resolve() if folder.folder else str(folder): folder for folder in found}.values())


def read_trials(storages: Sequence[Storage], columns: Sequence[str]) -> list[pa.Table]:
    """Returns the trials of each study, with ``columns`` beside ``study`` and ``trial``.

    Raises:
        ResultsError: a file cannot be read, there is no finished trial, or one is there twice.
    """
    wanted = [*(name for name in _KEY if name not in columns), *columns]
    trials = each_study(storages, lambda storage: read_table(storage, "trials", wanted))
    if not any(part.num_rows for part in trials):
        raise ResultsError(
            "results need at least one finished trial",
            got=f"{comma_list(storages)} holds none",
            remedy="wait for the first one, or run the study again to resume it",
        )
    check_read_once(storages, [zip(*(part[name].to_pylist() for name in _KEY), strict=True) for part in trials])
    return trials


def check_read_once(storages: Sequence[Storage], trials: Sequence[Iterable[tuple[str, str]]]) -> None:
    """Checks that no trial is there twice, as when a study was copied.

    Args:
        storages: of studies.
        trials: study and trial of each finished trial, by storage.

    Raises:
        ResultsError: one is.
    """
    seen: dict[tuple[str, str], Storage] = {}
    for storage, part in zip(storages, trials, strict=True):
        for study, trial in part:
            if other := seen.get((study, trial)):
                twice = other == storage
                raise ResultsError(
                    "every study must be read once",
                    got=f"{trial} of {study} is in {other} " + ("twice" if twice else f"and in {storage}"),
                    remedy="move the copy away" if twice else "give one of these folders",
                )
            seen[study, trial] = storage


def load_trials(path: Where | Sequence[Where], columns: Sequence[str]) -> pd.DataFrame:
    """Returns some columns of ``load_results(path).trials``, which is quicker for many studies.

    Args:
        path: as of ``load_results``.
        columns: of the table ``trials``; ``study`` and ``trial`` come with them.

    Raises:
        ResultsError: as ``load_results``.
    """
    return as_frame(read_trials(find_studies(path), columns))


def each_study(storages: Iterable[Storage], call: Callable[[Storage], T]) -> list[T]:
    """Returns the result of ``call`` on each study; several calls run at a time."""
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return list(pool.map(call, storages))


def as_frame(tables: Iterable[pa.Table]) -> pd.DataFrame:
    """Returns the rows of all tables; whole numbers that may be absent are ``Int64``, else they would be floats."""
    import pandas as pd  # slow to import, and many readers need no frame

    types = {pa.int64(): pd.Int64Dtype()}
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas(maps_as_pydicts="strict", types_mapper=types.get)
    return frame


def _without_others(given: list[Storage]) -> list[Storage]:
    there = [storage for storage in given if storage.is_folder() or storage.exists("")]
    others = [storage for storage in there if not _studies_in(storage)]
    if not others or len(others) == len(given):
        return given
    _log.info("note: without a study, and left out: %s", comma_list(storage.name for storage in others))
    return [storage for storage in given if storage not in others]


def _study_folders(storage: Storage) -> list[Storage]:
    if not storage.is_folder():
        got, remedy = f"{storage} is missing", storage.suggestion(_REMEDY)
        if storage.exists(""):
            got, remedy = f"{storage} is a file", _REMEDY
        raise ResultsError("results must be read from a folder", got=got, remedy=remedy)
    if not (studies := _studies_in(storage)):
        raise ResultsError("a results folder must hold a study or studies", got=f"{storage} holds none", remedy=_REMEDY)
    return studies


def _studies_in(storage: Storage) -> list[Storage]:
    """Returns the study of a folder, or those of the folders in it; none of a file."""
    if not storage.is_folder():
        return []
    if _is_study(storage):
        return [storage]
    return [inside for name in storage.folders() if _is_study(inside := storage / name)]


def _is_study(storage: Storage) -> bool:
    return (storage / "trials").is_folder()


def given_paths(path: Where | Sequence[Where]) -> list[Where]:
    """Returns one location or several as a list.

    Raises:
        ResultsError: they are neither.
    """
    paths = [path] if isinstance(path, _WHERE) else list(path) if isinstance(path, Iterable) else []
    if not paths or not all(isinstance(each, _WHERE) for each in paths):
        raise ResultsError("results must be read from a folder or several", got=f"got {path!r}", remedy=_REMEDY)
    return paths
