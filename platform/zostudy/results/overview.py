"""An overview of the studies in a folder: how far each has come, and its best method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pandas as pd

from zostudy.results.completeness import JUDGED_BY, confirmed
from zostudy.results.lease import is_held
from zostudy.results.lost_rows import study_notes
from zostudy.results.reading import as_frame, find_studies
from zostudy.results.storage import Storage, Where
from zostudy.results.stored_tables import read_table

StudyState = Literal["running", "unfinished", "complete"]

_SHOWN = ("model", "task", "method", "imbalance_ratio", "needs", "queries", "started_at", "finished_at")


@dataclass(frozen=True)
class Best:
    """The best method of a study.

    Attributes:
        method: its label.
        imbalance_ratio: the hardest ratio that has confirm trials, at which the methods are compared.
        dev_auc: mean over its confirm trials. Dev chooses; test is for comparing.
    """

    method: str
    imbalance_ratio: float
    dev_auc: float


@dataclass(frozen=True)
class StudyOverview:
    """A study in a line.

    Attributes:
        storage: where its results are.
        state: ``running`` while a driver holds it, else whether all its trials are there, and whole.
        model: the frozen model.
        task: name, file or hub id.
        trials: stored trials, failed ones included.
        failed: those that failed.
        started_at: of the first trial, in UTC.
        seconds: from then to the end of the last one, pauses included.
        best: the best method; None before the first confirm trial.
    """

    storage: Storage
    state: StudyState
    model: str | None
    task: str | None
    trials: int
    failed: int
    started_at: datetime | None
    seconds: float | None
    best: Best | None


def overviews(path: Where | Sequence[Where]) -> list[StudyOverview]:
    """Returns an overview of each study that ``load_results`` would read, those without a trial too.

    Raises:
        ResultsError: as ``load_results``, or a study file cannot be read.
    """
    return [_overview(storage) for storage in find_studies(path)]


def _overview(storage: Storage) -> StudyOverview:
    held = is_held(storage)  # asked first, as a study may end meanwhile
    trials = as_frame([read_table(storage, "trials", (*JUDGED_BY, *_SHOWN))])
    state: StudyState = "running" if held else "unfinished" if not len(trials) or study_notes([storage]) else "complete"
    first = trials["started_at"].min() if len(trials) else None
    return StudyOverview(
        storage=storage,
        state=state,
        model=_only(trials["model"]),
        task=_only(trials["task"]),
        trials=len(trials),
        failed=int((trials["status"] == "failed").sum()),
        started_at=first.to_pydatetime() if first is not None else None,
        seconds=(trials["finished_at"].max() - first).total_seconds() if first is not None else None,
        best=_best(confirmed(trials)),
    )


def _only(values: pd.Series) -> str | None:
    return str(values.iloc[0]) if len(values) else None


def _best(confirm: pd.DataFrame) -> Best | None:
    tuned = confirm[(confirm["needs"].fillna("scores") == "scores") & (confirm["queries"] > 0)]
    hardest = tuned[tuned["imbalance_ratio"] == tuned["imbalance_ratio"].max()]
    means = hardest.groupby("method", sort=False)["dev_auc"].mean().dropna()
    if means.empty:
        return None
    return Best(str(means.idxmax()), float(hardest["imbalance_ratio"].iloc[0]), float(means.max()))
