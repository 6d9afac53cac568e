"""Reading results back as data frames, also while a study runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from zostudy.errors import ResultsError, ResultsWarning
from zostudy.machine import usable_cpus
from zostudy.results.files import read_table
from zostudy.results.losses import losses
from zostudy.results.schema import SCHEMAS
from zostudy.results.storage import Storage, Where

MOST_AT_ONCE = 8

_KEY = ("study", "trial")
_WHERE = (str, PathLike, Storage)
_REMEDY = "the folder that the study named when it ended, such as results/quickstart"

# Of these many, a line or a table in a notebook names all.
_FEW_STUDIES, _FEW_ROWS = 5, 30


def load_results(path: Where | Sequence[Where]) -> Results:
    """Returns the finished trials of one study or of several, failed ones among them.

    A table that lacks rows is warned of (``ResultsWarning``), and refused where it is asked for.

    Args:
        path: a study's results folder, a folder of such folders, or several of either; also as ``s3://`` or
            ``gs://``.

    Raises:
        ResultsError: a folder is missing, holds no finished trial or a study that another one holds too, or a
            file in it is not ours.
    """
    results = read_results(path)
    for line in losses(results.storages):
        warnings.warn(line, ResultsWarning, stacklevel=2)
    return results


def read_results(path: Where | Sequence[Where]) -> Results:
    """Returns what ``load_results`` does, without its warnings, for who says what ``study_notes`` says.

    Raises:
        ResultsError: as ``load_results``.
    """
    storages = find_studies(path)
    trials = _read_trials(storages, SCHEMAS["trials"].names)
    return Results(
        _frame(storages, trials, path),
        # Trials are read before history and scores, so a trial that ends in between is left out as a whole.
        tuple((storage, part["trial"].combine_chunks()) for storage, part in zip(storages, trials, strict=True)),
    )


def load_trials(path: Where | Sequence[Where], columns: Sequence[str]) -> pd.DataFrame:
    """Returns ``load_results(path).trials`` without the columns that are not asked for: many studies are read sooner.

    Args:
        path: as of ``load_results``.
        columns: of the table ``trials``; ``study`` and ``trial`` come with them.

    Raises:
        ResultsError: as ``load_results``.
    """
    storages = find_studies(path)
    return _frame(storages, _read_trials(storages, list(dict.fromkeys([*_KEY, *columns]))), path)


def find_studies(path: Where | Sequence[Where], option: str = "") -> list[Storage]:
    """Returns the storages of the studies that ``load_results`` would read, finished trials or not.

    Args:
        path: as of ``load_results``.
        option: the flag that gives another location, where a verb has one.

    Raises:
        ResultsError: a folder is missing, or holds no study.
    """
    remedy = f"give {option} {_REMEDY}" if option else f"give {_REMEDY}"
    found = [folder for given in _paths(path, remedy) for folder in _study_folders(Storage.at(given), remedy)]
    return list({folder.folder.resolve() if folder.folder else str(folder): folder for folder in found}.values())


def check_read_once(storages: Sequence[Storage]) -> None:
    """Checks that no trial is there twice, as those of a study in two of the storages.

    Raises:
        ResultsError: one is, or a file of trials cannot be read.
    """
    _check_once(storages, _read_trials(storages, _KEY))


@dataclass(frozen=True, repr=False)
class Results:
    """The tables of one or several studies, as pandas data frames with the columns of ``results/schema.py``.

    Attributes:
        trials: one row a finished trial; whole numbers that may be absent are ``Int64``.
    """

    trials: pd.DataFrame
    _finished: tuple[tuple[Storage, pa.Array], ...]

    @property
    def storages(self) -> list[Storage]:
        """Where the studies are."""
        return [storage for storage, _ in self._finished]

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row a step of a finished trial; ``auxiliary`` holds a dict. Read when first asked for."""
        return self._rows("history")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row a scored example of a finished trial; ``scores`` is an array. Read when first asked for."""
        return self._rows("scores")

    @cached_property
    def landscape(self) -> pd.DataFrame:
        """One row a point around the kept point of a finished confirm trial; none where it was left out."""
        return self._rows("landscape")

    @cached_property
    def noise_floor(self) -> pd.DataFrame:
        """One row a cell and dtype that was measured; none of studies that an older zostudy ran."""
        return self._of_studies("noise_floor")

    @property
    def precision(self) -> pd.DataFrame:
        """The older name of ``noise_floor``."""
        return self.noise_floor

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row a study and dtype: how near the evaluator's scores are to those of transformers' own model."""
        return self._of_studies("agreement")

    def _of_studies(self, table: str) -> pd.DataFrame:
        return _to_pandas(pa.concat_tables(read_table(storage, table) for storage in self.storages))

    def only(self, trials: pd.DataFrame) -> Results:
        """Returns the results of some of the trials alone; their history and scores then take less memory.

        Args:
            trials: rows of ``self.trials``, such as those of the stage ``confirm``.
        """
        chosen = self.trials.index.isin(trials.index)
        ends = np.cumsum([len(finished) for _, finished in self._finished])
        finished = tuple(
            (storage, names.filter(pa.array(part)))
            for (storage, names), part in zip(self._finished, np.split(chosen, ends[:-1]), strict=True)
        )
        return Results(self.trials[chosen].reset_index(drop=True), finished)

    def sql(self, query: str) -> pd.DataFrame:
        """Returns the answer to one SQL query over the studies' tables, as they are stored now.

        The tables are ``studies``, ``trials``, ``history``, ``scores``, ``landscape``, ``noise_floor``
        and ``agreement``;
        ``zostudy query`` lists their columns.

        Raises:
            ResultsError: the SQL is no query or a wrong one, or a file cannot be read.
        """
        from zostudy.results.sql import query as ask

        frame: pd.DataFrame = ask(self.storages, query, lambda answer: answer.df())
        return frame

    def __repr__(self) -> str:
        """Says what was read."""
        studies = sorted(self.trials["study"].unique())
        named = ", ".join(studies[:_FEW_STUDIES])
        more = f" and {len(studies) - _FEW_STUDIES:,} more studies" if len(studies) > _FEW_STUDIES else ""
        return f"<Results: {len(self.trials)} finished trials of {named}{more}>"

    def _repr_html_(self) -> str:
        """Returns the finished trials by study, method and stage, for notebooks; of many rows the first and last."""
        counts = self.trials.groupby(["study", "method", "stage"]).size().unstack(fill_value=0)
        return str(counts.to_html(max_rows=_FEW_ROWS))

    def _rows(self, table: str) -> pd.DataFrame:
        parts = [SCHEMAS[table].empty_table()]
        for folder, finished in self._finished:
            rows = read_table(folder, table)
            parts.append(rows.filter(pc.is_in(rows["trial"], value_set=finished)))
        return _to_pandas(pa.concat_tables(parts))


def _read_trials(storages: Sequence[Storage], columns: Sequence[str]) -> list[pa.Table]:
    with ThreadPoolExecutor(min(usable_cpus(), MOST_AT_ONCE)) as pool:
        return list(pool.map(lambda storage: read_table(storage, "trials", columns), storages))


def _frame(storages: Sequence[Storage], trials: Sequence[pa.Table], path: Where | Sequence[Where]) -> pd.DataFrame:
    if not any(part.num_rows for part in trials):
        raise ResultsError(
            f"results need at least one finished trial, but {_listed(path)} holds none; "
            "wait for the first one, or run the study again to resume it"
        )
    _check_once(storages, trials)
    return _to_pandas(pa.concat_tables(trials))


def _check_once(storages: Sequence[Storage], trials: Sequence[pa.Table]) -> None:
    seen: dict[tuple[str, str], Storage] = {}
    for storage, part in zip(storages, trials, strict=True):
        for study, trial in zip(*(part[name].to_pylist() for name in _KEY), strict=True):
            if other := seen.get((study, trial)):
                copy = (
                    f"and in {storage}; give one of these folders" if other != storage else "twice; move the copy away"
                )
                raise ResultsError(f"every study must be read once, but {trial} of {study} is in {other} {copy}")
            seen[study, trial] = storage


def _study_folders(storage: Storage, remedy: str) -> list[Storage]:
    if not storage.is_folder():
        raise ResultsError(
            f"results must be read from a folder, but {storage} is {'a file' if storage.exists('') else 'missing'}; "
            f"{remedy}"
        )
    folders = (
        [storage] if _is_study(storage) else [storage / name for name in storage.folders() if _is_study(storage / name)]
    )
    if not folders:
        raise ResultsError(f"a results folder must hold a study or studies, but {storage} holds none; {remedy}")
    return folders


def _is_study(storage: Storage) -> bool:
    return (storage / "trials").is_folder()


def _paths(path: Where | Sequence[Where], remedy: str) -> list[Where]:
    paths = [path] if isinstance(path, _WHERE) else list(path) if isinstance(path, Iterable) else []
    if not paths or not all(isinstance(each, _WHERE) for each in paths):
        raise ResultsError(f"results must be read from a folder or several, but got {path!r}; {remedy}")
    return paths


def _listed(path: Where | Sequence[Where]) -> str:
    return ", ".join(map(str, _paths(path, _REMEDY)))


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    # Int64 keeps whole numbers whole where a column has nulls.
    frame: pd.DataFrame = table.to_pandas(maps_as_pydicts="strict", types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame
