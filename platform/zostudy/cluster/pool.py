"""The pool: queries in, scores out in the same order, whether the replicas are Ray actors or this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.units import MOST_EXAMPLES, cut_queries, join_scores, make_unit

UNITS_IN_FLIGHT = 2


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
        results: list[Any] = [None] * len(cuts)
        running: dict[Any, tuple[int, int]] = {}
        waiting = enumerate(make_unit(cut, latents, rows, seed, group) for cut in cuts)
        for place in range(len(self._replicas) * UNITS_IN_FLIGHT):
            self._submit(waiting, (self._next + place) % len(self._replicas), running)
        while running:
            done, _ = ray.wait(list(running))
            index, replica = running.pop(done[0])
            results[index] = ray.get(done[0])
            self._submit(waiting, replica, running)
        self._next += len(cuts)
        scores, seconds = zip(*results, strict=True)
        return Scored(join_scores(cuts, scores, len(rows)), sum(seconds))

    def _submit(self, waiting: Any, replica: int, running: dict[Any, tuple[int, int]]) -> None:
        for index, unit in waiting:
            running[self._replicas[replica].score.remote(self._recipe, unit)] = (index, replica)
            return
