"""The growth section: the driver's work for a trial as the search of a cell grows, with real results, without Ray."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from zostudy.bench.report import SearchGrowth
from zostudy.bench.scorers import QuickScorer
from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.results.checkpoints import Checkpoints
from zostudy.results.ledger import Ledger
from zostudy.results.storage import Storage
from zostudy.search.driver import StudyDriver
from zostudy.search.journal import Journal
from zostudy.search.outline import Outline, outline
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.search.trial import TrialProgress

_log = logging.getLogger(__name__)

SIZES = (100, 1_000, 10_000)
LATEST = 20
"""How many trials up to a size stand for it, by their median."""


class Cost(NamedTuple):
    """The driver's processor seconds for a trial: to propose it, and for all that follows."""

    proposal: float
    rest: float


def measure_growth(sizes: Sequence[int]) -> tuple[SearchGrowth, ...]:
    """Returns the driver's cost of a trial at each number of trials of one cell, whose search grows to the last."""
    outlined = outline(quick_study("growth", (10,), max(sizes), pruning="median"))
    costs: list[Cost] = []
    with _driver(outlined) as driver:
        while len(costs) < max(sizes):
            costs.append(_run_one(driver, outlined))
            if len(costs) in sizes:
                _log.info("growth: %s trials", f"{len(costs):,}")
    return tuple(_growth(costs[:size]) for size in sizes)


@contextmanager
def _driver(outlined: Outline) -> Iterator[StudyDriver]:
    """Gives the driver of a study: plan, proposals, ledger and journal are real."""
    progress = StudyProgress(outlined.plan, [])
    with (
        TemporaryDirectory(prefix="zostudy-bench-") as folder,
        Journal(Storage.at(folder), progress, _log.info) as journal,
    ):
        yield StudyDriver(outlined.data, progress, Ledger(folder), Checkpoints(folder), journal, lambda: 1)


def _run_one(driver: StudyDriver, outlined: Outline) -> Cost:
    """Runs the next trial, whose scorer takes next to no time, and returns the cost of all but the trial's own work."""
    began = time.process_time()
    assignment = driver.next()
    assert assignment is not None
    proposed = time.process_time()
    reports: list[TrialProgress] = []
    outcome = run_trial(outlined.plan.spec, assignment, outlined.data, LocalPool(QuickScorer()), reports.append)
    ended = time.process_time()
    driver.started(assignment)
    for report in reports:
        driver.progressed(assignment, report)
    driver.finished(assignment, outcome)
    return Cost(proposed - began, time.process_time() - ended)


def _growth(costs: Sequence[Cost]) -> SearchGrowth:
    latest = costs[-LATEST:]
    return SearchGrowth(
        trials=len(costs),
        proposal_seconds=median(cost.proposal for cost in latest),
        driver_seconds=median(sum(cost) for cost in latest),
        total_seconds=sum(map(sum, costs)),
    )


def quick_study(name: str, ratios: Sequence[int], n_search: int, pruning: str = "none") -> StudySpec:
    """Returns a study of trials of ten queries: a cell for each ratio, with its search trials and one confirm trial."""
    return StudySpec.model_validate(
        {
            "name": name,
            "model": {"name": "mini-roberta"},
            "task": {"name": "reviews"},
            "imbalance": {"ratios": tuple(ratios)},
            "methods": ({"label": "spsa", "algorithm": "spsa", "options": {"queries_per_step": 2}},),
            "budget": {"queries": 10, "batch_size": 8},
            "search": {
                "trials": n_search,
                "pruning": pruning,
                "space": {
                    "subspace_dim": {"choice": (10, 50, 200)},
                    "perturbation_radius": {"low": 0.01, "high": 1.0, "log": True},
                    "reach": {"low": 0.3, "high": 10.0, "log": True},
                },
            },
            "confirm": {"seeds": 1},
        }
    )
