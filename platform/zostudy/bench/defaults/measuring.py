"""Runs a trial of a development task in this process, as a study's replica and driver would."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zostudy.bench.defaults.jobs import TrialJob, find_cell
from zostudy.bench.defaults.store import MeasuredTrial
from zostudy.bench.defaults.tasks import TASKS, without_test
from zostudy.cluster.micro_batches import Scorer
from zostudy.cluster.pool import LocalPool
from zostudy.lm.frozen import make_evaluator
from zostudy.results.outcome import Outcome
from zostudy.search.loaded_model import read_model
from zostudy.search.prepare import prepare
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData
from zostudy.tasks.loading import load_task

Wrap = Callable[[Scorer], Scorer]


@dataclass(frozen=True)
class LoadedTask:
    """A development task whose model is read and whose texts are tokenised.

    Attributes:
        data: labels and draws of all ratios and seeds.
        pool: scores with the model in this process.
    """

    data: StudyData
    pool: LocalPool

    @classmethod
    def of(cls, name: str, folder: Path | None, wrap: Wrap = lambda scorer: scorer) -> LoadedTask:
        """Reads model and data.

        Args:
            name: of the development task.
            folder: of the data files.
            wrap: gets the scorer and returns the one to use; tests watch the rows there.

        Raises:
            ZostudyError: the data or the model cannot be used.
        """
        spec = TASKS[name].study(queries=300, folder=folder)
        study = prepare(spec, without_test(load_task(spec.task)))
        loaded = read_model(study, TASKS[name].dtype)
        scorer = make_evaluator(spec.model, loaded.model, study.encoded, loaded.dtype)
        return cls(study.data, LocalPool(wrap(scorer), loaded.micro_batch_size))

    def measure(self, job: TrialJob) -> MeasuredTrial:
        """Runs a trial: a confirm trial, for which the rows that judge are the test split."""
        plan, started = job.plan, time.process_time()
        assignment = plan.assign(find_cell(plan, job.method, job.ratio), "confirm", job.seed, job.changes)
        outcome = run_trial(plan.spec, assignment, self.data, self.pool, report=lambda _: None)
        return _measured(job, outcome, time.process_time() - started)


def _measured(job: TrialJob, outcome: Outcome, cpu_seconds: float) -> MeasuredTrial:
    trial = outcome.trial
    latent = np.array(trial.latent or (0.0,))
    dev = outcome.history.get("dev_auc", np.array([]))
    return MeasuredTrial(
        key=job.key,
        task=job.task,
        method=job.method,
        imbalance_ratio=job.ratio,
        seed=job.seed,
        queries=job.queries,
        evaluations=job.evaluations,
        search_number=job.search_number,
        search_space=job.search_space,
        changes=dict(job.changes),
        settings=json.loads(json.dumps(job.settings)),
        status=trial.status,
        error=trial.error,
        dev_auc=trial.dev_auc,
        judged_auc=trial.test_auc,
        judged_balanced_accuracy=trial.test_balanced_accuracy,
        best_queries=trial.best_queries,
        distance=float(np.linalg.norm(latent) / np.sqrt(latent.size)),
        looks=tuple(dev[np.isfinite(dev)].tolist()),
        cpu_seconds=cpu_seconds,
        data=trial.versions["data"],
        versions=trial.versions,
    )
