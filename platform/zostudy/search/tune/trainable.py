"""A trial as Ray Tune runs it, in a process of its own: its arguments and its reports.

The process imports this module, so it imports neither torch, transformers nor Ray Tune itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import ReplicaLister
from zostudy.config.study import StudySpec
from zostudy.errors import ClusterError, NoReplicaError
from zostudy.methods import Method, register_method
from zostudy.results.checkpoints import SavedState
from zostudy.search.plan import Assignment
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData
from zostudy.search.trial import TrialProgress

METRIC = "dev_auc"
OUTCOME = "outcome"
PROGRESS = "progress"
SAVED = "saved"
FAULT = "fault"
CLUSTER_FAULT = "cluster_fault"
REFUSED = "refused"

SECONDS_AFTER_A_CLUSTER_FAULT = 5.0
"""Ray may have failed for a moment, so the trial is not tried again at once."""


@dataclass(frozen=True)
class PoolFactory:
    """Makes the pools of trials: on which replicas, with which scorer, its dtype, and the size of a micro-batch."""

    list_replicas: ReplicaLister
    factory: ScorerFactory
    micro_batch_size: int
    dtype: str

    def pool(self, first: int = 0) -> RayPool:
        """Returns a pool that sends its first micro-batch to the replica of that number."""
        return RayPool(self.list_replicas, self.factory, self.micro_batch_size, first)


def tune_trial(
    config: dict[str, Any],
    spec: StudySpec,
    data: StudyData,
    pools: PoolFactory,
    methods: dict[str, type[Method]],
) -> None:
    """Runs one trial in a process of Tune's.

    Args:
        config: the assignment, and the saved state to resume from or None.
        spec: the study.
        data: its labels and draws.
        pools: makes the trial's pool.
        methods: by name, those that this process may not find by their names.
    """
    from ray import tune

    for name, method in methods.items():
        register_method(name)(method)
    assignment: Assignment = config["assignment"]
    latest = TrialProgress(0, 0.0, None)

    def send(news: dict[str, Any]) -> None:
        nothing: dict[str, Any] = {SAVED: [], OUTCOME: [], FAULT: None, CLUSTER_FAULT: None, REFUSED: None}
        tune.report({METRIC: latest.dev_auc, PROGRESS: latest, **nothing, **news})

    def report(progress: TrialProgress) -> None:
        nonlocal latest
        latest = progress
        send({})

    def save(state: SavedState) -> None:
        send({SAVED: [state]})

    def refuse(reason: str) -> None:
        send({REFUSED: reason})

    send({PROGRESS: None})  # this process has begun
    pool = pools.pool(first=assignment.number)
    try:
        send({OUTCOME: [run_trial(spec, assignment, data, pool, report, save, config["saved"], refuse)]})
    except ClusterError as error:  # without an outcome the trial is tried again
        send({CLUSTER_FAULT: str(error)})
        time.sleep(SECONDS_AFTER_A_CLUSTER_FAULT)
    except NoReplicaError as error:
        send({FAULT: str(error)})
