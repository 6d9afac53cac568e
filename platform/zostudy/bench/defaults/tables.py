"""Tables of the measured trials: the defaults beside untuned, random search and search, and beside their neighbours.

All gains are of the judged AUC, over the untuned prompt of the same seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from zostudy.bench.defaults.jobs import EVALUATIONS, AnyJob, SearchJob, TrialJob
from zostudy.bench.defaults.running import searched_values
from zostudy.bench.defaults.store import MeasuredTrial, TrialStore
from zostudy.results.comparison.statistics import paired_test
from zostudy.results.table_formats import Table

BASELINE, RIVAL = "untuned", "random-search"

Condition = tuple[str, float, int]
"""Task, ratio and budget."""

JudgedAuc = Mapping[tuple[Condition, int], float]
"""Judged AUC by condition and seed."""


def default_tables(jobs: Sequence[AnyJob], store: TrialStore) -> tuple[Table, ...]:
    """Returns the tables of a plan's jobs, as far as they are measured; the last line of the first says how far."""
    measured = _MeasuredJobs(jobs, store)
    others = (_searches(measured), _neighbours(measured))
    return (_defaults(measured), *(table for table in others if table.rows))


@dataclass(frozen=True)
class _MeasuredJobs:
    """The jobs of a plan with what is measured of them."""

    jobs: Sequence[AnyJob]
    store: TrialStore

    @property
    def progress(self) -> str:
        """The number of the plan's trials and searches that are measured, in words."""
        trials = {job.key: self.store.find(job) for job in self.jobs if isinstance(job, TrialJob)}
        there = [row for row in trials.values() if row is not None]
        searches = [self.search_of(job) for job in self.jobs if isinstance(job, SearchJob)]
        n_found = sum(changes is not None for changes in searches)
        failed = sum(row.status != "complete" for row in there)
        counts = f"{len(there)} of {len(trials)} trials and {n_found} of {len(searches)} searches are measured"
        return counts + (f"; {failed} failed" if failed else "")

    @cached_property
    def values(self) -> dict[tuple[str, str], dict[tuple[Condition, int], float]]:
        """Judged AUC by method and what was changed, then by condition and seed. Failed trials have none."""
        found: dict[tuple[str, str], dict[tuple[Condition, int], float]] = {}
        for job in self.jobs:
            if isinstance(job, TrialJob) and (row := self.store.find(job)) is not None and row.judged_auc is not None:
                condition = (job.task, job.ratio, job.queries)
                found.setdefault((job.method, variant_text(job)), {})[condition, job.seed] = row.judged_auc
        return found

    def of(self, method: str, changes: str = "") -> JudgedAuc:
        return self.values.get((method, changes), {})

    @cached_property
    def untuned(self) -> JudgedAuc:
        """Judged AUC of the untuned prompt, which no budget changes, for each budget of the plan."""
        budgets = sorted({job.queries for job in self.jobs})
        known = {((task, ratio), seed): value for ((task, ratio, _), seed), value in self.of(BASELINE).items()}
        return {
            ((*condition, queries), seed): value for (condition, seed), value in known.items() for queries in budgets
        }

    def gains(self, values: JudgedAuc) -> JudgedAuc:
        """Returns the gains over untuned, where that is measured."""
        return {key: value - self.untuned[key] for key, value in values.items() if key in self.untuned}

    def search_of(self, job: SearchJob) -> Mapping[str, Any] | None:
        """Returns the values that a search found, None while a trial of it or of its confirmation is missing."""
        changes = searched_values(job, self.store)
        if changes is None or any(self.store.find(job.confirmed(seed, changes)) is None for seed in job.seeds):
            return None
        return changes


def changes_text(changes: Mapping[str, Any]) -> str:
    """Returns changed settings on one line; empty for the defaults."""
    return ", ".join(f"{name} {_short(value)}" for name, value in changes.items())


def variant_text(job: TrialJob) -> str:
    """Returns what a trial changes, its looks at dev too, on one line; empty for the defaults."""
    looks = {} if job.evaluations == EVALUATIONS else {"evaluations": job.evaluations}
    return changes_text({**job.changes, **looks})


def _defaults(measured: _MeasuredJobs) -> Table:
    rows = []
    random = measured.of(RIVAL)
    for condition in _conditions(measured.untuned):
        for method in dict.fromkeys(job.method for job in measured.jobs):
            values = _at(condition, measured.of(method))
            gains = measured.gains(values)
            if not gains or method == BASELINE:
                continue
            untuned = [measured.untuned[key] for key in gains]
            versus = "" if method == RIVAL else _difference(values, random)
            rows.append(
                (
                    *_named(condition),
                    method,
                    str(len(gains)),
                    f"{fmean(untuned):.3f}",
                    f"{fmean(values.values()):.3f}",
                    f"{fmean(gains.values()):+.3f}",
                    f"{min(gains.values()):+.3f}",
                    versus,
                )
            )
    headings = ("task", "ratio", "queries", "method", "seeds", "untuned", "AUC", "gain", "worst", "- random search")
    return Table(headings, tuple(rows), "Defaults, judged AUC", (measured.progress,), text_columns=4)


def _searches(measured: _MeasuredJobs) -> Table:
    rows, shares = [], dict[tuple[str, int], list[float]]()
    for job in measured.jobs:
        if not isinstance(job, SearchJob) or (changes := measured.search_of(job)) is None:
            continue
        condition = (job.task, job.ratio, job.queries)
        own, best = (
            _mean(measured.gains(_judged(job, measured.store, condition, values)).values()) for values in ({}, changes)
        )
        if own is None or best is None:
            continue
        shares.setdefault((job.method, job.queries), []).append(min(1.0, own / best) if best > 0 else 1.0)
        share = f"{own / best:.0%}" if best > 0 else "-"
        rows.append((*_named(condition), job.method, f"{own:+.3f}", f"{best:+.3f}", share, changes_text(changes)))
    headings = ("task", "ratio", "queries", "method", "gain of defaults", "of search", "share", "found")
    notes = tuple(
        f"{method} at {queries} queries: mean share {fmean(values):.0%} (each at most 100%), least {min(values):.0%}"
        for (method, queries), values in shares.items()
    )
    return Table(headings, tuple(rows), "Defaults beside a search of 30 trials, on other seeds", notes, text_columns=4)


def _neighbours(measured: _MeasuredJobs) -> Table:
    rows = []
    for (method, changes), values in measured.values.items():
        if not changes:
            continue
        defaults = measured.of(method)
        pairs = {key: values[key] - defaults[key] for key in values if key in defaults}
        if pairs:
            by_task = {condition[0]: fmean(_at(condition, pairs).values()) for condition in _conditions(pairs)}
            least, most = min(by_task, key=by_task.__getitem__), max(by_task, key=by_task.__getitem__)
            rows.append(
                (
                    method,
                    changes,
                    str(len(pairs)),
                    f"{fmean(by_task.values()):+.3f}",
                    f"{by_task[least]:+.3f} {least}",
                    f"{by_task[most]:+.3f} {most}",
                )
            )
    headings = ("method", "changed", "pairs", "mean of tasks", "worst task", "best task")
    return Table(
        headings, tuple(rows), "Neighbours of the defaults: judged AUC less that of the defaults", text_columns=2
    )


def _judged(job: SearchJob, store: TrialStore, condition: Condition, changes: Mapping[str, Any]) -> JudgedAuc:
    rows: dict[int, MeasuredTrial | None] = {seed: store.find(job.confirmed(seed, changes)) for seed in job.seeds}
    return {(condition, seed): row.judged_auc for seed, row in rows.items() if row and row.judged_auc is not None}


def _difference(values: JudgedAuc, others: JudgedAuc) -> str:
    test = paired_test(values, others)
    return "" if test.difference.mean is None else f"{test.difference:+.3f}"


def _at(condition: Condition, values: JudgedAuc) -> JudgedAuc:
    return {key: value for key, value in values.items() if key[0] == condition}


def _conditions(values: JudgedAuc) -> list[Condition]:
    return list(dict.fromkeys(condition for condition, _ in values))


def _named(condition: Condition) -> tuple[str, str, str]:
    return condition[0], f"{condition[1]:g}", str(condition[2])


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return fmean(known) if known else None


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
