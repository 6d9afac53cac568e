"""The pool: queries in, scores out in the same order, whether the replicas are Ray actors or this process."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from zostudy.cluster.dispatch import Call, Dispatch
from zostudy.cluster.micro_batches import MOST_EXAMPLES, Answer, MicroBatch, ScoreBuffer, Scorers, cut_queries
from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import ReplicaLister, ReplicaSet
from zostudy.config.task import OWN_WORDING
from zostudy.errors import ClusterError, one_line_of
from zostudy.methods.queries import Access

CALLS_OF_A_LONG_QUEUE = 4
MOST_BATCHES_OF_A_CALL = 8
"""Keeps calls short, so that answers come often: a trial that is saved during an evaluation keeps those that came."""
ANSWER_SECONDS = 30.0


class Pool(ABC):
    """Evaluates queries on frozen replicas."""

    def __init__(self, micro_batch_size: int) -> None:
        """Cuts queries into micro-batches of about that many examples."""
        self._micro_batch_size = micro_batch_size

    def score(
        self,
        latents: NDArray[np.float32],
        rows: NDArray[np.int32],
        seed: int,
        group: int = 1,
        buffer: ScoreBuffer | None = None,
        access: Access = "scores",
        wording: str = OWN_WORDING,
    ) -> ScoreBuffer:
        """Returns the scores of latents ``[q, d]`` on rows ``[q, b]`` in the subspace named by ``seed``.

        Args:
            latents: float32 ``[q, d]``, one prompt each.
            rows: int32 ``[q, b]``, the examples of each.
            seed: of the subspace.
            group: number of consecutive queries that share a forward.
            buffer: holds the scores that are known already; it is filled in as answers come, and returned.
            access: what is wanted of each example; states or gradients then stand in place of scores.
            wording: names the words around the examples.

        Raises:
            ReplicaError: replicas die of a micro-batch.
            NoReplicaError: no replica can make its scorer.
            ClusterError: Ray raised an error that has nothing to do with the scorer.
            Exception: the scorer raised this.
        """
        buffer = ScoreBuffer(rows.shape) if buffer is None else buffer
        batches = cut_queries(latents, rows, seed, group, self._micro_batch_size, access, wording)
        if missing := [batch for batch in batches if not buffer.holds(batch)]:
            self._score(missing, buffer)
        return buffer

    @abstractmethod
    def _score(self, batches: list[MicroBatch], buffer: ScoreBuffer) -> None:
        """Fills the scores of these micro-batches in."""


class LocalPool(Pool):
    """The twin of ``RayPool`` in this process: same micro-batches, same order, no Ray."""

    def __init__(self, scorer: Scorers, micro_batch_size: int = MOST_EXAMPLES) -> None:
        """Uses one scorer, or one a wording, for all micro-batches of about ``micro_batch_size`` examples."""
        super().__init__(micro_batch_size)
        self._scorer = scorer

    def _score(self, batches: list[MicroBatch], buffer: ScoreBuffer) -> None:
        for batch in batches:
            started = time.perf_counter()
            buffer.add(batch, batch.score(self._scorer))
            buffer.end_answer(time.perf_counter() - started)


class RayPool(Pool):
    """Spreads micro-batches over replicas. Many trials may share the replicas, each with a pool of its own.

    The work of a replica that dies goes to the others. While there are none, the pool waits.
    """

    def __init__(
        self,
        list_replicas: ReplicaLister,
        factory: ScorerFactory,
        micro_batch_size: int = MOST_EXAMPLES,
        first: int = 0,
        ray_api: RayApi | None = None,
    ) -> None:
        """Calls no replica yet.

        Args:
            list_replicas: gives handles of ``Replica`` actors; they may become more, die and come back.
            factory: makes the scorer that they host.
            micro_batch_size: how many examples a micro-batch should hold.
            first: which replica gets the first micro-batch, so that trials begin on different ones.
            ray_api: Ray and the clock; Ray's own unless given.
        """
        super().__init__(micro_batch_size)
        self._ray = ray_api or RayApi()
        self._replica_set = ReplicaSet(list_replicas, factory, self._ray)
        self._factory = factory
        self._first = first

    def _score(self, batches: list[MicroBatch], buffer: ScoreBuffer) -> None:
        def on_answer(call: Call, answer: Answer) -> None:
            parts, seconds = answer
            for batch, scores in zip(call, parts, strict=True):
                buffer.add(batch, scores)
            buffer.end_answer(seconds)

        with _ray_errors_explained():
            self._replica_set.wait_for_any()
            calls = _calls(batches, len(self._replica_set.usable) * CALLS_OF_A_LONG_QUEUE)
            Dispatch(self._replica_set, self._factory, self._ray, on_answer).run(calls, self._first)
        self._first += len(calls)

    def have_bfloat16(self) -> bool:
        """Returns whether every usable replica that answers runs where bfloat16 is faster than float32."""
        waiting: set[Any] = {replica.bfloat16_unit.remote() for replica in self._replica_set.usable}
        latest, units = self._ray.now() + ANSWER_SECONDS, []
        while waiting and (left := latest - self._ray.now()) > 0:
            for call in self._ray.wait([*waiting], left):
                waiting.discard(call)
                with suppress(ray.exceptions.RayActorError):
                    units.append(self._ray.get(call))
        return bool(units) and all(units)


@contextmanager
def _ray_errors_explained() -> Iterator[None]:
    """Raises a ``ClusterError`` in place of Ray's own error."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise ClusterError(
            "the cluster must do as Ray asks",
            got=f"does not ({one_line_of(error)})",
            remedy="see that its nodes live and have room, and run again",
        ) from error


def _calls(batches: list[MicroBatch], enough_calls: int) -> list[list[MicroBatch]]:
    """Returns the micro-batches in order, one a call; several a call where there are many, as calls cost time too."""
    size = min(max(1, len(batches) // enough_calls), MOST_BATCHES_OF_A_CALL)
    return [batches[start : start + size] for start in range(0, len(batches), size)]
