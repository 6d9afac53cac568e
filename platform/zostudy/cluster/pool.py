"""The pool: queries in, scores out in the same order, whether the replicas are Ray actors or this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.dispatch import Dispatch
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import ReplicaLister, ReplicaSet, in_one_line
from zostudy.cluster.score_buffer import ScoreBuffer
from zostudy.cluster.units import MOST_EXAMPLES, Answer, Cut, Scorer, cut_queries, make_unit
from zostudy.errors import ClusterError

CALLS_OF_A_LONG_QUEUE = 4
MOST_UNITS_OF_A_CALL = 8
"""So an answer is never far off: what a trial saves of a half-done evaluation is what has been answered."""


class Pool(Protocol):
    """Evaluates queries on frozen replicas."""

    def score(
        self,
        latents: NDArray[np.float32],
        rows: NDArray[np.int32],
        seed: int,
        group: int = 1,
        scored: ScoreBuffer | None = None,
    ) -> ScoreBuffer:
        """Returns the scores of latents ``[q, d]`` on rows ``[q, b]`` in the subspace named by ``seed``.

        Args:
            latents: float32 ``[q, d]``, one prompt each.
            rows: int32 ``[q, b]``, the examples of each.
            seed: of the subspace.
            group: number of consecutive queries that share a forward.
            scored: what is known of them already; it is filled in as answers come, and returned.
        """
        ...


class LocalPool:
    """The pool's twin in this process: same units, same order, no Ray."""

    def __init__(self, scorer: Scorer, unit_examples: int = MOST_EXAMPLES) -> None:
        """Uses one scorer for all units of about ``unit_examples`` examples."""
        self._scorer = scorer
        self._unit_examples = unit_examples

    def score(
        self,
        latents: NDArray[np.float32],
        rows: NDArray[np.int32],
        seed: int,
        group: int = 1,
        scored: ScoreBuffer | None = None,
    ) -> ScoreBuffer:
        """See ``Pool``."""
        scored = ScoreBuffer(rows.shape) if scored is None else scored
        for cut in cut_queries(rows.shape, group, self._unit_examples):
            if not scored.holds(cut):
                started = time.perf_counter()
                unit = make_unit(cut, latents, rows, seed, group)
                scored.add(cut, self._scorer.score(unit.latents, unit.rows, unit.seed, unit.group))
                scored.answered(time.perf_counter() - started)
        return scored


class RayPool:
    """Spreads units over replica actors; many trials may share the replicas, each with a pool of its own."""

    def __init__(
        self, list_replicas: ReplicaLister, factory: ScorerFactory, unit_examples: int = MOST_EXAMPLES, first: int = 0
    ) -> None:
        """Asks nobody yet.

        Args:
            list_replicas: gives handles of ``zostudy.cluster.replica`` actors; they may become more, die and come back.
            factory: of what they host.
            unit_examples: how many examples a unit should hold.
            first: which replica gets the first unit, so that trials begin on different ones.
        """
        self._replica_set = ReplicaSet(list_replicas, factory)
        self._factory = factory
        self._unit_examples = unit_examples
        self._turn = first

    @property
    def replicas(self) -> list[Any]:
        """The handles of those that could be sent work when a step last ended."""
        return [*self._replica_set.usable]

    def score(
        self,
        latents: NDArray[np.float32],
        rows: NDArray[np.int32],
        seed: int,
        group: int = 1,
        scored: ScoreBuffer | None = None,
    ) -> ScoreBuffer:
        """See ``Pool``. What a replica that dies had to do others do; while there is none it waits.

        Raises:
            ReplicaError: replicas die of a unit.
            NoReplicaError: no replica can make its scorer.
            ClusterError: Ray raised what has nothing to do with the scorer.
            Exception: the scorer raised this.
        """
        scored = ScoreBuffer(rows.shape) if scored is None else scored
        cuts = [cut for cut in cut_queries(rows.shape, group, self._unit_examples) if not scored.holds(cut)]
        if not cuts:
            return scored

        def take(call: int, answer: Answer) -> None:
            parts, seconds = answer
            for cut, part in zip(calls[call], parts, strict=True):
                scored.add(cut, part)
            scored.answered(seconds)

        with _telling_of_ray():
            self._replica_set.wait_for_any()
            calls = _batches(cuts, len(self._replica_set.usable) * CALLS_OF_A_LONG_QUEUE)
            units = [[make_unit(cut, latents, rows, seed, group) for cut in call] for call in calls]
            Dispatch(self._replica_set, self._factory, units, self._turn, take).run()
        self._turn += len(calls)
        return scored


@contextmanager
def _telling_of_ray() -> Iterator[None]:
    """Raises a ``ClusterError`` in place of Ray's own."""
    import ray

    try:
        yield
    except ray.exceptions.RayError as error:
        raise ClusterError(
            f"the cluster must do as Ray asks, but does not ({in_one_line(error)}); "
            "see that its nodes live and have room, and run again"
        ) from error


def _batches(cuts: list[Cut], enough_calls: int) -> list[list[Cut]]:
    """Returns the units in order, one a call, or several a call where the calls themselves would cost more."""
    size = min(max(1, len(cuts) // enough_calls), MOST_UNITS_OF_A_CALL)
    return [cuts[start : start + size] for start in range(0, len(cuts), size)]
