"""The pool: queries in, scores out in the same order, whether the replicas are Ray actors or this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.units import MOST_EXAMPLES, Unit, cut_queries, join_scores, make_unit

CALLS_IN_FLIGHT = 2
CALLS_OF_A_LONG_QUEUE = 4


@dataclass(frozen=True)
class Scored:
    """Scores float32 ``[q, b, C]`` and the seconds that replicas worked for them."""

    scores: NDArray[np.float32]
    seconds: float


class Scorer(Protocol):
    """What a replica hosts; ``FrozenLM`` is one."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns float32 scores ``[q, b, C]``."""
        ...


class Pool(Protocol):
    """Evaluates queries on frozen replicas."""

    def score(self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int, group: int = 1) -> Scored:
        """Returns the scores of latents ``[q, d]`` on rows ``[q, b]`` in the subspace named by ``seed``."""
        ...


class LocalPool:
    """The pool's twin in this process: same units, same order, no Ray."""

    def __init__(self, scorer: Scorer, unit_examples: int = MOST_EXAMPLES) -> None:
        """Uses one scorer for all units, each of about so many examples."""
        self._scorer = scorer
        self._unit_examples = unit_examples

    def score(self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int, group: int = 1) -> Scored:
        """See ``Pool``."""
        started = time.perf_counter()
        cuts = cut_queries(rows.shape, group, self._unit_examples)
        units = (make_unit(cut, latents, rows, seed, group) for cut in cuts)
        scores = [self._scorer.score(unit.latents, unit.rows, unit.seed, unit.group) for unit in units]
        return Scored(join_scores(cuts, scores, len(rows)), time.perf_counter() - started)


class RayPool:
    """Spreads units over replica actors; many trials may share the replicas, each with a pool of its own."""

    def __init__(
        self, replicas: Sequence[Any], recipe: Any, unit_examples: int = MOST_EXAMPLES, first: int = 0
    ) -> None:
        """Keeps handles only.

        Args:
            replicas: handles of ``zostudy.cluster.replica`` actors.
            recipe: the ``Recipe`` of what they host.
            unit_examples: how many examples a unit should hold.
            first: which replica gets the first unit, so that trials begin on different ones.
        """
        self._replicas = list(replicas)
        self._recipe = recipe
        self._unit_examples = unit_examples
        self._next = first

    def score(self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int, group: int = 1) -> Scored:
        """See ``Pool``. A replica that dies is restarted and asked again by Ray.

        Raises:
            ray.exceptions.RayActorError: a unit was lost more often than Ray's retries allow.
        """
        import ray

        cuts = cut_queries(rows.shape, group, self._unit_examples)
        units = [make_unit(cut, latents, rows, seed, group) for cut in cuts]
        calls = _batches(units, len(self._replicas) * CALLS_OF_A_LONG_QUEUE)
        results: list[Any] = [None] * len(calls)
        running: dict[Any, tuple[int, int]] = {}
        waiting, in_flight = deque(enumerate(calls)), [0] * len(self._replicas)
        for place in range(len(self._replicas) * CALLS_IN_FLIGHT):
            self._submit(waiting, (self._next + place) % len(self._replicas), running, in_flight)
        while running:
            ray.wait(list(running))
            done, _ = ray.wait(list(running), num_returns=len(running), timeout=0)
            for reference, result in zip(done, ray.get(done), strict=True):
                index, replica = running.pop(reference)
                results[index] = result
                in_flight[replica] -= 1
                self._submit(waiting, replica, running, in_flight)
        self._next += len(calls)
        scores = [part for parts, _ in results for part in parts]
        return Scored(join_scores(cuts, scores, len(rows)), sum(seconds for _, seconds in results))

    def _submit(
        self,
        waiting: deque[tuple[int, list[Unit]]],
        replica: int,
        running: dict[Any, tuple[int, int]],
        in_flight: list[int],
    ) -> None:
        """Sends the next call, a second one to a busy replica; but the last ones wait for whoever is free first."""
        most = CALLS_IN_FLIGHT if len(waiting) > len(self._replicas) else 1
        if waiting and in_flight[replica] < most:
            index, units = waiting.popleft()
            running[self._replicas[replica].score.remote(self._recipe, units)] = (index, replica)
            in_flight[replica] += 1


def _batches(units: list[Unit], most_calls: int) -> list[list[Unit]]:
    """Returns the units in order, one a call; several a call where there are so many that calls would cost more."""
    size = max(1, len(units) // most_calls)
    return [units[start : start + size] for start in range(0, len(units), size)]
