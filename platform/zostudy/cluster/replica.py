"""The replica: a Ray actor that hosts one scorer, and can be restarted at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.nodes import GIB, TRIAL_BYTES, TRIALS_PER_REPLICA
from zostudy.cluster.units import Answer, Scorer, Unit
from zostudy.config.study import ModelSpec, ResourcesSpec
from zostudy.lm.encoding import EncodedTask

if TYPE_CHECKING:  # a trial's process knows replicas, but does without torch
    from zostudy.lm.frozen import Model
    from zostudy.lm.weights import DType

ANSWER_SECONDS = 30.0
ASIDE = "aside"
"""Concurrency group of control calls, which run in a thread of their own while the replica scores."""
ENDING_SECONDS = 1.0
"""How long a process that was told to end may take."""
HEARD_SECONDS = 0.1
"""Delay between confirming a call and running it, so that the caller knows of its start even if it ends the process."""


@dataclass(frozen=True)
class ScorerFactory:
    """How a replica makes its scorer; it comes with every unit, so a replica that was restarted can make it again.

    Attributes:
        build: called with the arguments, inside the replica.
        arguments: values; Ray object references among them are resolved, and kept alive while the factory lives.
        identity: tells factories apart in every process; generated.
    """

    build: Callable[..., Scorer]
    arguments: tuple[Any, ...]
    identity: str = field(default_factory=lambda: uuid4().hex)

    def make(self) -> Scorer:
        """Returns the scorer."""
        import ray

        return self.build(*(ray.get(a) if isinstance(a, ray.ObjectRef) else a for a in self.arguments))


class Replica:
    """Hosts one scorer, made when a call first brings its factory; knows nothing that a restart could lose."""

    def __init__(self) -> None:
        """Starts empty."""
        self._scorer: Scorer | None = None
        self._factory = ""
        self._process = uuid4().hex
        self._n_begun = 0
        self._is_working = False

    def load(self, factory: ScorerFactory) -> Scorer:
        """Makes the scorer, if it is not there; another one goes first, as there may be no room for both."""
        if self._scorer is None or factory.identity != self._factory:
            self._scorer = None
            self._scorer = factory.make()
            self._factory = factory.identity
        return self._scorer

    def alive(self, ending: str | None = None) -> str:
        """Returns its process's name as soon as the replica lives; to be called aside.

        Args:
            ending: the process that the caller has had killed, which is to live no more when it answers.
        """
        if self._process == ending:
            time.sleep(ENDING_SECONDS)
        return self._process

    def at_work(self) -> int | None:
        """Returns how many units it has begun while it works on one, else None; to be called aside."""
        return self._n_begun if self._is_working else None

    def ready(self, factory: ScorerFactory) -> str:
        """Returns the id of the node it runs on when the scorer is there."""
        import ray

        self.load(factory)
        return str(ray.get_runtime_context().get_node_id())

    def score(self, factory: ScorerFactory, units: Sequence[Unit]) -> Answer:
        """Returns each unit's scores float32 ``[q, b, C]`` and the seconds that all took."""
        scorer = self.load(factory)
        started = time.perf_counter()
        scores = [self._score_unit(scorer, unit) for unit in units]
        return scores, time.perf_counter() - started

    def _score_unit(self, scorer: Scorer, unit: Unit) -> NDArray[np.float32]:
        self._n_begun += 1
        self._is_working = True
        try:
            return scorer.score(unit.latents, unit.rows, unit.seed, unit.group)
        finally:
            self._is_working = False

    def score_watched(self, factory: ScorerFactory, units: Sequence[Unit]) -> Iterator[Answer | None]:
        """Yields None when it begins, then what ``score`` returns: so the caller knows what a death interrupted."""
        yield None
        time.sleep(HEARD_SECONDS)
        yield self.score(factory, units)

    def bfloat16_unit(self) -> str | None:
        """Returns what multiplies bfloat16 matrices fast where this replica runs, or None."""
        from zostudy.lm.linear import bfloat16_unit

        return bfloat16_unit(_device())


def start_replica(resources: ResourcesSpec, name: str | None = None) -> Any:
    """Returns the handle of a new actor at once; Ray brings it to life where there is room, and again when it dies.

    Args:
        resources: what it takes of its node; of the memory it leaves the share of the trials it serves.
        name: under which other processes of the same job find it.
    """
    import ray

    remote: Any = ray.remote
    actor = remote(concurrency_groups={ASIDE: 1})(Replica)
    return actor.options(
        name=name,
        num_cpus=resources.cpus,
        num_gpus=resources.gpus,
        accelerator_type=resources.accelerator_type,
        memory=resources.memory and int(resources.memory * GIB) - TRIALS_PER_REPLICA * TRIAL_BYTES,
        enable_task_events=False,
        max_restarts=-1,
        runtime_env={"env_vars": {"OMP_NUM_THREADS": str(resources.cpus), "TOKENIZERS_PARALLELISM": "false"}},
    ).remote()


def start_replicas(n_replicas: int, resources: ResourcesSpec, factory: ScorerFactory) -> list[Any]:
    """Returns the handles of ``n_replicas`` actors that have their scorer; Ray must be initialised, with room for them.

    Raises:
        ModelError: the model cannot be loaded.
    """
    import ray

    replicas = [start_replica(resources) for _ in range(n_replicas)]
    try:
        ray.get([replica.ready.remote(factory) for replica in replicas])
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    return replicas


def have_bfloat16(replicas: list[Any]) -> bool:
    """Returns whether every replica that answers runs where bfloat16 is faster than float32."""
    import ray

    calls = [replica.bfloat16_unit.remote() for replica in replicas]
    answered, _ = ray.wait(calls, num_returns=len(calls), timeout=ANSWER_SECONDS)
    units = []
    for call in answered:
        with suppress(ray.exceptions.RayActorError):
            units.append(ray.get(call))
    return bool(units) and all(units)


def build_evaluator(spec: ModelSpec, model: Model, task: EncodedTask, dtype: DType, threads: int) -> Scorer:
    """Returns a frozen model on this actor's accelerator, or on ``threads`` processor threads."""
    import torch

    from zostudy.lm.frozen import make_evaluator

    torch.set_num_threads(threads)
    return make_evaluator(spec, model, task, dtype, _device())


def _device() -> str:
    """Returns the torch device that Ray gave to this actor."""
    import ray

    return "cuda" if ray.get_runtime_context().get_accelerator_ids().get("GPU") else "cpu"
