from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from zostudy.bench.defaults.jobs import TrialJob
from zostudy.bench.defaults.store import MeasuredTrial

MakeRow = Callable[[TrialJob, float], MeasuredTrial]


@pytest.fixture
def make_row() -> MakeRow:
    """A measured trial of a job, with this AUC on dev and on the rows that judge."""

    def make(job: TrialJob, auc: float) -> MeasuredTrial:
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
            settings=json.loads(json.dumps(dict(job.settings))),
            status="complete",
            error=None,
            dev_auc=auc,
            judged_auc=auc,
            judged_balanced_accuracy=auc,
            best_queries=300,
            distance=1.0,
            looks=(0.5, auc),
            cpu_seconds=0.1,
            data="0" * 16,
            versions={"python": "3"},
        )

    return make
