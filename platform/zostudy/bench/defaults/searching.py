"""Searches a method's default space trial by trial, as a study does. Measured trials are not run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zostudy.bench.defaults.jobs import SearchJob, TrialJob
from zostudy.bench.defaults.store import MeasuredTrial, TrialStore
from zostudy.search.proposer import Proposer, SearchResult

Measure = Callable[[TrialJob], MeasuredTrial]


def run_search(job: SearchJob, measure: Measure) -> None:
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
        measure(job.confirmed(seed, best_of(told)))


def best_of(results: list[SearchResult]) -> Mapping[str, Any]:
    """Returns the values with the highest dev AUC, the earliest of equals."""
    return max(results, key=lambda result: -1.0 if result.dev_auc is None else result.dev_auc).params


def searched_values(job: SearchJob, store: TrialStore) -> Mapping[str, Any] | None:
    """Returns the values that a search found; None while it lacks a trial."""
    rows = [store.find(job.trial(number, {})) for number in range(job.trials)]
    if any(row is None for row in rows):
        return None
    return best_of([SearchResult(row.changes, row.dev_auc) for row in rows if row is not None])
