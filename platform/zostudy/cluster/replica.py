"""The replica: a Ray actor that hosts one scorer, and can be restarted at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

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
        identity: tells a recipe from others wherever it comes; made by itself.
    """

    build: Callable[..., Scorer]
    arguments: tuple[Any, ...]
    identity: str = field(default_factory=lambda: uuid4().hex)

    def make(self) -> Scorer:
        """Returns the scorer."""
        import ray

        return self.build(*(ray.get(a) if isinstance(a, ray.ObjectRef) else a for a in self.arguments))


class Replica:
    """Hosts one scorer, made when a call first brings its recipe; knows nothing that a restart could lose."""

    def __init__(self) -> None:
        """Starts empty."""
        self._scorer: Scorer | None = None
        self._recipe = ""

    def load(self, recipe: Recipe) -> Scorer:
        """Makes the scorer, if it is not there; another one goes first, as there may be no room for both."""
        if self._scorer is None or recipe.identity != self._recipe:
            self._scorer = None
            self._scorer = recipe.make()
            self._recipe = recipe.identity
        return self._scorer

    def ready(self, recipe: Recipe) -> None:
        """Returns when the scorer is there."""
        self.load(recipe)

    def score(self, recipe: Recipe, units: Sequence[Unit]) -> tuple[list[NDArray[np.float32]], float]:
        """Returns each unit's scores float32 ``[q, b, C]`` and the seconds that all took."""
        scorer = self.load(recipe)
        started = time.perf_counter()
        scores = [scorer.score(unit.latents, unit.rows, unit.seed, unit.group) for unit in units]
        return scores, time.perf_counter() - started

    def bfloat16_unit(self) -> str | None:
        """Returns what multiplies bfloat16 matrices fast where this replica runs, or None."""
        from zostudy.lm.processor import bfloat16_unit

        return bfloat16_unit(_device())


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
        enable_task_events=False,
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


def have_bfloat16(replicas: list[Any]) -> bool:
    """Returns whether every replica runs where bfloat16 is faster than float32."""
    import ray

    return all(ray.get([replica.bfloat16_unit.remote() for replica in replicas]))


def build_evaluator(spec: ModelSpec, model: Model, task: EncodedTask, dtype: DType, threads: int) -> Scorer:
    """Returns a frozen model on this actor's accelerator, or on ``threads`` processor threads."""
    import torch

    from zostudy.lm.build import make_evaluator

    torch.set_num_threads(threads)
    return make_evaluator(spec, model, task, dtype, _device())


def _device() -> str:
    """Returns the torch device that Ray gave to this actor."""
    import ray

    return "cuda" if ray.get_runtime_context().get_accelerator_ids().get("GPU") else "cpu"
