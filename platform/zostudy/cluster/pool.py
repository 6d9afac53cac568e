"""The pool: queries in, scores out in the same order, whether the replicas are Ray actors or this process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zostudy.cluster.crew import Crew, Roster
from zostudy.cluster.dispatch import Dispatch
from zostudy.cluster.replica import Recipe
from zostudy.cluster.units import MOST_EXAMPLES, Scorer, Unit, cut_queries, join_scores, make_unit

CALLS_OF_A_LONG_QUEUE = 4


@dataclass(frozen=True)
class Scored:
    """Scores float32 ``[q, b, C]`` and the seconds that replicas worked for them."""

    scores: NDArray[np.float32]
    seconds: float


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

    def __init__(self, roster: Roster, recipe: Recipe, unit_examples: int = MOST_EXAMPLES, first: int = 0) -> None:
        """Asks nobody yet.

        Args:
            roster: gives handles of ``zostudy.cluster.replica`` actors; they may become more, die and come back.
            recipe: of what they host.
            unit_examples: how many examples a unit should hold.
            first: which replica gets the first unit, so that trials begin on different ones.
        """
        self._crew = Crew(roster, recipe)
        self._recipe = recipe
        self._unit_examples = unit_examples
        self._turn = first

    @property
    def replicas(self) -> list[Any]:
        """The handles of those that could be sent work when a step last ended."""
        return [*self._crew.usable]

    def score(self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int, group: int = 1) -> Scored:
        """See ``Pool``. What a replica that dies had to do others do; while there is none it waits.

        Raises:
            ReplicaError: replicas die of a unit, or of loading the model.
            Exception: the scorer, or the making of it, raised this.
        """
        cuts = cut_queries(rows.shape, group, self._unit_examples)
        units = [make_unit(cut, latents, rows, seed, group) for cut in cuts]
        self._crew.gather()
        calls = _batches(units, len(self._crew.usable) * CALLS_OF_A_LONG_QUEUE)
        answers = Dispatch(self._crew, self._recipe, calls, self._turn).run()
        self._turn += len(calls)
        scores = [part for parts, _ in answers for part in parts]
        return Scored(join_scores(cuts, scores, len(rows)), sum(seconds for _, seconds in answers))


def _batches(units: list[Unit], most_calls: int) -> list[list[Unit]]:
    """Returns the units in order, one a call; several a call where there are so many that calls would cost more."""
    size = max(1, len(units) // most_calls)
    return [units[start : start + size] for start in range(0, len(units), size)]
