"""Micro-batches: cut by the queries alone, never by how many replicas live, so numbers do not depend on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from zostudy.config.task import OWN_WORDING
from zostudy.methods.queries import Access

MOST_EXAMPLES = 256


class Scorer(Protocol):
    """Scores prompts, as a ``FrozenLM`` does."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns float32 scores ``[q, b, C]``."""
        ...


class WhiteBoxScorer(Scorer, Protocol):
    """A scorer that also gives states and gradients, for the references that need more than a black box gives."""

    def states(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns the states from which the scores are read, float32 ``[q, b, D]``."""
        ...

    def gradients(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns the scores, each before its gradient in the latent, float32 ``[q, b, C * (1 + d)]``."""
        ...


Scorers: TypeAlias = Scorer | Mapping[str, Scorer]
"""The scorer of a task that a replica hosts, or one for each of its wordings, by name."""


@dataclass(frozen=True)
class MicroBatch:
    """Some of a step's queries, or some examples of each, which one replica scores at once.

    Attributes:
        queries: which of the step's queries.
        columns: which examples of each of them.
        latents: float32 ``[q, d]``, of these queries.
        rows: int32 ``[q, b]``, these examples.
        seed: names the subspace.
        group: number of consecutive queries that share each forward.
        access: what is wanted of each example.
        wording: names the words around the examples.
    """

    queries: slice
    columns: slice
    latents: NDArray[np.float32]
    rows: NDArray[np.int32]
    seed: int
    group: int
    access: Access = "scores"
    wording: str = OWN_WORDING

    def score(self, scorers: Scorers) -> NDArray[np.float32]:
        """Returns the scorer's answer, float32 ``[q, b, C]``, or as wide as states or gradients are."""
        scorer = scorers[self.wording] if isinstance(scorers, Mapping) else scorers
        given = self.latents, self.rows, self.seed, self.group
        if self.access == "scores":
            return scorer.score(*given)
        opened = cast(WhiteBoxScorer, scorer)
        return opened.states(*given) if self.access == "states" else opened.gradients(*given)


Answer = tuple[list[NDArray[np.float32]], float]
"""A replica's answer to a call: the scores float32 ``[q, b, C]`` of each micro-batch, and the seconds all took."""


def cut_queries(
    latents: NDArray[np.float32],
    rows: NDArray[np.int32],
    seed: int,
    group: int,
    size: int,
    access: Access = "scores",
    wording: str = OWN_WORDING,
) -> list[MicroBatch]:
    """Cuts queries into even micro-batches; a group stays together on each example.

    Several groups make a micro-batch where they fit. A group that is too large for one is cut along its examples.

    Args:
        latents: float32 ``[q, d]``.
        rows: int32 ``[q, b]``.
        seed: of the subspace.
        group: number of consecutive queries that share a forward.
        size: about how many examples a micro-batch should hold.
        access: what is wanted of each example.
        wording: names the words around the examples.
    """
    n_queries, batch = rows.shape
    n_groups = -(-n_queries // group)
    together = max(1, size // (batch * group))
    query_parts = _even_parts(n_groups, -(-n_groups // together))
    width = min(group, n_queries)
    column_parts = [slice(0, batch)] if together > 1 else _even_parts(batch, -(-batch * width // size))
    cuts = [
        (slice(part.start * group, min(part.stop * group, n_queries)), columns)
        for part in query_parts
        for columns in column_parts
    ]
    return [
        MicroBatch(
            queries,
            columns,
            latents[queries],
            np.ascontiguousarray(rows[queries, columns]),
            seed,
            group,
            access,
            wording,
        )
        for queries, columns in cuts
    ]


def _even_parts(size: int, n_parts: int) -> list[slice]:
    edges = np.linspace(0, size, min(n_parts, size) + 1).round().astype(int)
    return [slice(int(start), int(stop)) for start, stop in pairwise(edges)]


class ScoreBuffer:
    """The scores of some queries, filled in as answers come, so that they can be saved half done.

    Attributes:
        scores: float32 ``[q, b, C]``; C is 0 before the first answer, and unknown scores are NaN. States and gradients
            stand in place of scores where these were asked for.
        known: bool ``[q, b]``, which of them are known.
        seconds: that replicas worked for them.
    """

    def __init__(self, shape: tuple[int, ...], on_answer: Callable[[], None] = lambda: None) -> None:
        """Starts without scores.

        Args:
            shape: of the rows, ``(q, b)``.
            on_answer: called after each answer.
        """
        self.known: NDArray[np.bool_] = np.zeros(shape, dtype=np.bool_)
        self.scores: NDArray[np.float32] = np.empty((*shape, 0), dtype=np.float32)
        self.seconds = 0.0
        self._on_answer = on_answer

    def holds(self, batch: MicroBatch) -> bool:
        """Returns whether all scores of a micro-batch are known."""
        return bool(self.known[batch.queries, batch.columns].all())

    def add(self, batch: MicroBatch, scores: NDArray[np.float32]) -> None:
        """Stores a micro-batch's scores, float32 ``[q, b, C]``."""
        if not self.scores.size:
            self.scores = np.full((*self.known.shape, scores.shape[-1]), np.nan, dtype=np.float32)
        self.scores[batch.queries, batch.columns] = scores
        self.known[batch.queries, batch.columns] = True

    def end_answer(self, seconds: float) -> None:
        """Ends an answer that took a replica this long."""
        self.seconds += seconds
        self._on_answer()
