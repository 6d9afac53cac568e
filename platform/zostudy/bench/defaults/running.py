"""Runs the jobs of a plan that are not measured yet, in their order: trials, and searches as a study searches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zostudy.bench.defaults.jobs import AnyJob, SearchJob, TrialJob
from zostudy.bench.defaults.measuring import LoadedTask
from zostudy.bench.defaults.store import MeasuredTrial, TrialStore
from zostudy.search.cell_progress import best_of
from zostudy.search.proposer import Proposer, SearchResult

_log = logging.getLogger(__name__)


class OutOfTimeError(Exception):
    """The time that a run was given is over."""


class Runner:
    """Measures trials, each once. Models and data are read when they are first needed."""

    def __init__(self, store: TrialStore, data: Path | None, seconds: float) -> None:
        """Starts the clock.

        Args:
            store: of the measured trials.
            data: the folder of the data files.
            seconds: after which no further trial begins.
        """
        self._store, self._data = store, data
        self._ends_at = time.monotonic() + seconds
        self._loaded: dict[str, LoadedTask] = {}
        self.measured = 0

    def run(self, jobs: Sequence[AnyJob]) -> None:
        """Runs all jobs.

        Raises:
            OutOfTimeError: the time is over; all finished trials are stored.
            ZostudyError: the data or the model of a task cannot be used.
        """
        for job in jobs:
            if isinstance(job, TrialJob):
                self.measure(job)
            else:
                run_search(job, self.measure)

    def measure(self, job: TrialJob) -> MeasuredTrial:
        """Returns a trial, and runs it if it is not measured yet.

        Raises:
            OutOfTimeError: as ``run``.
        """
        if (row := self._store.find(job)) is not None:
            return row
        if time.monotonic() > self._ends_at:
            raise OutOfTimeError
        row = self._load(job.task).measure(job)
        self._store.add(row)
        self.measured += 1
        _log.info("%s", _line(job, row))
        return row

    def _load(self, task: str) -> LoadedTask:
        if task not in self._loaded:
            _log.info("reading %s", task)
            self._loaded[task] = LoadedTask.of(task, self._data)
        return self._loaded[task]


def run_search(job: SearchJob, measure: Callable[[TrialJob], MeasuredTrial]) -> None:
    """Runs what a search lacks, then its best and the defaults on the judged seeds.

    Args:
        job: the search.
        measure: returns a trial, measured now or before.
    """
    proposer = Proposer(job.plan.spec, job.cell)
    told: list[SearchResult] = []
    for number in range(job.trials):
        known = told[: max(0, number - job.plan.spec.search.lag + 1)]
        changes = proposer.propose(number, known, {each: result.params for each, result in enumerate(told)})
        row = measure(job.trial(number, changes))
        told.append(SearchResult(row.changes, row.dev_auc))
    for seed in job.seeds:
        measure(job.confirmed(seed, {}))
        measure(job.confirmed(seed, _best_of(told)))


def _best_of(results: list[SearchResult]) -> Mapping[str, Any]:
    return results[best_of(results) or 0].params


def searched_values(job: SearchJob, store: TrialStore) -> Mapping[str, Any] | None:
    """Returns the values that a search found; None while it lacks a trial."""
    rows = [store.find(job.trial(number, {})) for number in range(job.trials)]
    if any(row is None for row in rows):
        return None
    return _best_of([SearchResult(row.changes, row.dev_auc) for row in rows if row is not None])


def _line(job: TrialJob, row: MeasuredTrial) -> str:
    changes = " ".join(f"{name}={value}" for name, value in job.changes.items())
    figures = f"failed: {row.error}" if row.dev_auc is None else f"dev {row.dev_auc:.3f} judged {row.judged_auc:.3f}"
    number = "" if job.search_number is None else f" search {job.search_number}"
    where = f"{job.task} ratio {job.ratio:g} {job.method}{number} seed {job.seed} {changes}"
    return f"{where.strip()}: {figures} ({row.cpu_seconds:.1f} s)"
