"""The study section: the time that the driver takes for a trial, with a scorer that takes next to none."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from zostudy.bench.growth import quick_study
from zostudy.bench.machine import resident_bytes
from zostudy.bench.pool import local_ray
from zostudy.bench.report import StudyOverhead
from zostudy.bench.scorers import QuickScorer
from zostudy.cluster.fleet import start_replicas
from zostudy.cluster.nodes import trials_at_once
from zostudy.cluster.replica import ScorerFactory
from zostudy.config.study import ResourcesSpec
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.search.prepare import prepare
from zostudy.search.progress import StudyProgress
from zostudy.search.tune.trainable import PoolFactory
from zostudy.search.tune.tuner import tune_trials

_log = logging.getLogger(__name__)

TRIALS = 104
REPLICAS = 4
CELLS = 8
EARLY_TRIALS = 200
"""After this number of trials the driver has loaded all that it loads once."""


def measure_study(n_trials: int) -> StudyOverhead:
    """Returns the time of a study beyond that of its scorer. Ray, Tune, Optuna and the ledger are real.

    The study has eight cells with one confirm trial each, and search trials so that at least ``n_trials`` run in all.
    """
    n_search = max(1, -(-n_trials // CELLS) - 1)
    study = prepare(quick_study("bench", range(1, CELLS + 1), n_search))
    progress = StudyProgress(study.plan, [])
    with TemporaryDirectory(prefix="zostudy-bench-") as folder, local_ray(REPLICAS):
        _log.info("study: starting replicas")
        factory = ScorerFactory(QuickScorer, ())
        replicas = start_replicas(REPLICAS, ResourcesSpec(cpus=1), factory)
        pools = PoolFactory(replicas.copy, factory, 2**20, "float32")
        meter = _ScorerMeter(progress)
        started = time.perf_counter()
        tune_trials(study.data, progress, Ledger(Path(folder)), pools, lambda: REPLICAS, meter)
        seconds = time.perf_counter() - started
    scorer_seconds = meter.replica_seconds / REPLICAS
    return StudyOverhead(
        trials=progress.n_finished,
        cells=CELLS,
        concurrent_trials=trials_at_once(REPLICAS, study.plan.spec.resources, REPLICAS),
        queries=study.plan.spec.budget.queries,
        seconds=seconds,
        scorer_seconds=scorer_seconds,
        overhead_seconds=(seconds - scorer_seconds) / progress.n_finished,
        first_bytes=meter.first_bytes,
        early_bytes=meter.early_bytes,
        last_bytes=resident_bytes(),
    )


class _ScorerMeter(Callback):
    """Counts the scorers' time, and the driver's memory as the study goes on."""

    def __init__(self, progress: StudyProgress) -> None:
        self._progress = progress
        self.replica_seconds = 0.0
        self.first_bytes = self.early_bytes = resident_bytes()

    def on_phase(self, what: str) -> None:
        _log.info("study: %s", what)

    def on_note(self, line: str) -> None:
        _log.info("study: %s", line)

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        self.replica_seconds += outcome.trial.replica_seconds
        finished = self._progress.n_finished
        if finished <= EARLY_TRIALS:
            self.early_bytes = resident_bytes()
        if finished % EARLY_TRIALS == 0:
            _log.info("study: %d trials", finished)
