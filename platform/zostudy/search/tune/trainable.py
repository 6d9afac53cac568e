"""A trial as Ray Tune runs it, in a process of its own: its arguments and its reports.

The process imports this module, so it imports neither torch, transformers nor Ray Tune itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zostudy.cluster.pool import RayPool
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import ReplicaLister
from zostudy.config.study import StudySpec
from zostudy.errors import ClusterError, NoReplicaError
from zostudy.methods import Method, register_method
from zostudy.results.checkpoints import SavedState
from zostudy.results.outcome import Outcome
from zostudy.search.plan import Assignment
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData
from zostudy.search.trial import TrialProgress

METRIC = "dev_auc"
OUTCOME = "outcome"
PROGRESS = "progress"
SAVED = "saved"
FAULT = "fault"
REFUSED = "refused"


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

    def send(
        saved: Sequence[SavedState] = (),
        outcome: Sequence[Outcome] = (),
        fault: str | None = None,
        refused: str | None = None,
    ) -> None:
        lists = {SAVED: [*saved], OUTCOME: [*outcome]}
        tune.report({METRIC: latest.dev_auc, PROGRESS: latest, **lists, FAULT: fault, REFUSED: refused})

    def report(progress: TrialProgress) -> None:
        nonlocal latest
        latest = progress
        send()

    def save(state: SavedState) -> None:
        send(saved=[state])

    def refuse(reason: str) -> None:
        send(refused=reason)

    pool = pools.pool(first=assignment.number)
    try:
        send(outcome=[run_trial(spec, assignment, data, pool, report, save, config["saved"], refuse)])
    except ClusterError:
        raise  # this process ends, and the trial is tried again
    except NoReplicaError as error:
        send(fault=str(error))
