"""The replica: a Ray actor that hosts one scorer and knows nothing but its constructor's arguments."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.pool import Scorer
from zostudy.cluster.units import Unit
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.sources import ModelSource
from zostudy.spec.study import ModelSpec, ResourcesSpec

MAX_RESTARTS = -1
MAX_TASK_RETRIES = 5


class Replica:
    """Scores units with the scorer that ``build`` makes; restarted by Ray, it makes the same one again."""

    def __init__(self, build: Callable[..., Scorer], arguments: Sequence[Any]) -> None:
        """Keeps the recipe; ``load`` or the first unit makes the scorer, so that its errors reach the caller whole."""
        self._build = build
        self._arguments = arguments
        self._scorer: Scorer | None = None

    def load(self) -> None:
        """Makes the scorer now; object references among the arguments are resolved here."""
        import ray

        if self._scorer is None:
            arguments = (ray.get(a) if isinstance(a, ray.ObjectRef) else a for a in self._arguments)
            self._scorer = self._build(*arguments)

    def score(self, unit: Unit) -> tuple[NDArray[np.float32], float]:
        """Returns the unit's scores float32 ``[q, b, C]`` and the seconds they took."""
        self.load()
        assert self._scorer is not None
        started = time.perf_counter()
        scores = self._scorer.score(unit.latents, unit.rows, unit.seed, unit.group)
        return scores, time.perf_counter() - started


def start_replicas(
    n_replicas: int, resources: ResourcesSpec, build: Callable[..., Scorer], arguments: Sequence[Any]
) -> list[Any]:
    """Returns handles of actors that have loaded; Ray must be initialised.

    Args:
        n_replicas: how many.
        resources: CPUs and GPUs of each.
        build: makes the scorer inside the actor, called with ``arguments``.
        arguments: values, or Ray object references that the caller keeps alive as long as a restart may need them.

    Raises:
        ModelError: the model cannot be loaded.
    """
    import ray

    threads = str(resources.cpus)
    actor: Any = ray.remote(Replica).options(
        num_cpus=resources.cpus,
        num_gpus=resources.gpus,
        max_restarts=MAX_RESTARTS,
        max_task_retries=MAX_TASK_RETRIES,
        runtime_env={"env_vars": {"OMP_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false"}},
    )
    replicas: list[Any] = [actor.remote(build, arguments) for _ in range(n_replicas)]
    try:
        ray.get([replica.load.remote() for replica in replicas])
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    return replicas


def build_frozen_lm(spec: ModelSpec, source: ModelSource, task: EncodedTask, threads: int) -> Scorer:
    """Returns a frozen model on this actor's accelerator, or on ``threads`` processor threads."""
    import ray
    import torch

    from zostudy.lm.frozen import FrozenLM

    torch.set_num_threads(threads)
    has_gpu = bool(ray.get_runtime_context().get_accelerator_ids().get("GPU"))
    return FrozenLM(spec, source, task, device="cuda" if has_gpu else "cpu")
