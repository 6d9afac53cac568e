"""The replica: a Ray actor that hosts one scorer, and can be restarted at any time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.micro_batches import Answer, MicroBatch, Scorers
from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.encoding import EncodedTask

if TYPE_CHECKING:  # a trial's process knows replicas, but does without torch
    from zostudy.lm.frozen import Model
    from zostudy.lm.weights import DType

Pages = dict[str, int]

CONTROL = "control"
"""Concurrency group of control calls, which run in a thread of their own while the replica scores."""
EXIT_SECONDS = 1.0
"""A killed process may take this long to exit."""
CONFIRM_SECONDS = 0.1
"""Delay between confirming a call and running it, so that the caller knows of its start even if it ends the process."""


@dataclass(frozen=True)
class ScorerFactory:
    """Makes a replica's scorer, or one a wording.

    Every call brings it, so a replica that was restarted can make its scorer again.

    Attributes:
        build: called with the arguments, inside the replica.
        arguments: values; Ray object references among them are resolved, and kept alive while the factory lives.
        versions: of packages that scores depend on, by name; a replica with others makes no scorer.
        identity: tells factories apart in every process; generated.
    """

    build: Callable[..., Scorers]
    arguments: tuple[Any, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    identity: str = field(default_factory=lambda: uuid4().hex)

    def make(self) -> Scorers:
        """Returns the scorer.

        Raises:
            ModelError: this process has another version of a package.
        """
        import ray

        for package, expected in self.versions.items():
            _check_version(package, expected)
        return self.build(*(ray.get(a) if isinstance(a, ray.ObjectRef) else a for a in self.arguments))


class Replica:
    """Hosts one scorer, made when a call first brings its factory. A restart loses nothing else."""

    def __init__(self) -> None:
        """Starts without a scorer."""
        self._scorer: Scorers | None = None
        self._factory = ""
        self._process = uuid4().hex
        self._n_begun = 0
        self._is_working = False

    def load(self, factory: ScorerFactory) -> Scorers:
        """Returns the factory's scorer, made if need be. The old one goes first: memory may not hold both."""
        if self._scorer is None or factory.identity != self._factory:
            self._scorer = None
            self._scorer = factory.make()
            self._factory = factory.identity
        return self._scorer

    def alive(self, killed: str | None = None) -> str:
        """Returns the name of its process as soon as it runs; a control call.

        Args:
            killed: a process that the caller has killed, which must not be the one that answers.
        """
        if self._process == killed:
            time.sleep(EXIT_SECONDS)
        return self._process

    def current_batch(self) -> int | None:
        """Returns the number of the micro-batch that it works on, None if it is idle; a control call."""
        return self._n_begun if self._is_working else None

    def import_module(self, name: str) -> None:
        """Imports a module and all that it imports, with the garbage collector off, which saves a sixth of the time."""
        gc.disable()
        try:
            import_module(name)
        finally:
            gc.enable()

    def ready(self, factory: ScorerFactory) -> str:
        """Makes the scorer, and returns the id of the node on which the replica runs."""
        import ray

        self.load(factory)
        return str(ray.get_runtime_context().get_node_id())

    def score(self, factory: ScorerFactory, batches: Sequence[MicroBatch]) -> Answer:
        """Returns the scores float32 ``[q, b, C]`` of each micro-batch, and the seconds that all took."""
        scorer = self.load(factory)
        started = time.perf_counter()
        scores = [self._score(scorer, batch) for batch in batches]
        return scores, time.perf_counter() - started

    def _score(self, scorer: Scorers, batch: MicroBatch) -> NDArray[np.float32]:
        self._n_begun += 1
        self._is_working = True
        try:
            return batch.score(scorer)
        finally:
            self._is_working = False

    def score_watched(self, factory: ScorerFactory, batches: Sequence[MicroBatch]) -> Iterator[Answer | None]:
        """Yields None when it begins, then the answer of ``score``: so a death tells the caller what it interrupted."""
        yield None
        time.sleep(CONFIRM_SECONDS)
        yield self.score(factory, batches)

    def pages(self) -> Pages:
        """Returns the kernel's sums over all mappings of this process, in bytes by their names (Linux only)."""
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
        return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}

    def bfloat16_unit(self) -> str | None:
        """Returns the hardware unit that multiplies bfloat16 matrices fast where this replica runs, or None."""
        from zostudy.lm.linear import bfloat16_unit

        return bfloat16_unit(_device())


def build_evaluators(
    spec: ModelSpec, model: Model, tasks: Mapping[str, EncodedTask], dtype: DType, threads: int, digest: str = ""
) -> Scorers:
    """Returns a frozen model's evaluators, one a wording, on this actor's accelerator, or on ``threads`` threads.

    Raises:
        ModelError: the model cannot be loaded, or a source leads to weights of another digest.
    """
    import torch

    from zostudy.lm.frozen import make_evaluators
    from zostudy.lm.model_digests import check_weights
    from zostudy.lm.sources import ModelSource

    torch.set_num_threads(threads)
    if isinstance(model, ModelSource):
        check_weights(model, digest)
    return make_evaluators(spec, model, tasks, dtype, _device())


def _check_version(package: str, expected: str) -> None:
    """Checks a package's release. Builds of one release, such as 2.9.0+cpu and 2.9.0+cu126, may be on two nodes."""
    found = version(package)
    if found.partition("+")[0] != expected.partition("+")[0]:
        raise ModelError(
            "every replica must run the versions that the study records",
            got=f"its node has {package} {found}, and the driver {expected}",
            remedy="install the driver's there, and run again",
        )


def _device() -> str:
    """Returns the torch device that Ray gave to this actor."""
    import ray

    return "cuda" if ray.get_runtime_context().get_accelerator_ids().get("GPU") else "cpu"
