"""The replica: a Ray actor that hosts one scorer, and can be restarted at any time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.pool import Scorer
from zostudy.cluster.units import Unit
from zostudy.lm.encoding import EncodedTask
from zostudy.spec.study import ModelSpec, ResourcesSpec

if TYPE_CHECKING:  # a trial's process knows replicas, but does without torch
    from zostudy.lm.build import Model
    from zostudy.lm.weights import DType

MAX_RESTARTS = -1
MAX_TASK_RETRIES = 5


@dataclass(frozen=True)
class Recipe:
    """How a replica makes its scorer; it comes with every unit, so a replica that was restarted can make it again.

    Attributes:
        build: called with the arguments, inside the replica.
        arguments: values; Ray object references among them are resolved, and kept alive by whoever holds the recipe.
    """

    build: Callable[..., Scorer]
    arguments: tuple[Any, ...]

    def make(self) -> Scorer:
        """Returns the scorer."""
        import ray

        return self.build(*(ray.get(a) if isinstance(a, ray.ObjectRef) else a for a in self.arguments))


class Replica:
    """Hosts one scorer, made at the first call; knows nothing that a restart could lose."""

    def __init__(self) -> None:
        """Starts empty."""
        self._scorer: Scorer | None = None

    def load(self, recipe: Recipe) -> Scorer:
        """Makes the scorer, if it is not there."""
        if self._scorer is None:
            self._scorer = recipe.make()
        return self._scorer

    def ready(self, recipe: Recipe) -> None:
        """Returns when the scorer is there."""
        self.load(recipe)

    def score(self, recipe: Recipe, unit: Unit) -> tuple[NDArray[np.float32], float]:
        """Returns the unit's scores float32 ``[q, b, C]`` and the seconds they took."""
        scorer = self.load(recipe)
        started = time.perf_counter()
        scores = scorer.score(unit.latents, unit.rows, unit.seed, unit.group)
        return scores, time.perf_counter() - started


def start_replicas(n_replicas: int, resources: ResourcesSpec, recipe: Recipe) -> list[Any]:
    """Returns handles of actors that have their scorer; Ray must be initialised.

    Args:
        n_replicas: how many.
        resources: CPUs and GPUs of each.
        recipe: how each makes its scorer.

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
    replicas: list[Any] = [actor.remote() for _ in range(n_replicas)]
    try:
        ray.get([replica.ready.remote(recipe) for replica in replicas])
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    return replicas


def build_evaluator(spec: ModelSpec, model: Model, task: EncodedTask, dtype: DType, threads: int) -> Scorer:
    """Returns a frozen model on this actor's accelerator, or on ``threads`` processor threads."""
    import ray
    import torch

    from zostudy.lm.build import make_evaluator

    torch.set_num_threads(threads)
    has_gpu = bool(ray.get_runtime_context().get_accelerator_ids().get("GPU"))
    return make_evaluator(spec, model, task, dtype, device="cuda" if has_gpu else "cpu")
