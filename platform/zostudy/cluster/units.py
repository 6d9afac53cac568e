"""Units of work: cut by the queries alone, never by how many replicas live, so numbers do not depend on them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MOST_EXAMPLES = 256


@dataclass(frozen=True)
class Unit:
    """What one replica evaluates in one call.

    Attributes:
        latents: float32 ``[q, d]``.
        rows: int32 ``[q, b]``.
        seed: names the subspace.
        group: number of consecutive queries that share each forward.
    """

    latents: NDArray[np.float32]
    rows: NDArray[np.int32]
    seed: int
    group: int


class Scorer(Protocol):
    """What a replica hosts; ``FrozenLM`` is one."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns float32 scores ``[q, b, C]``."""
        ...


Answer = tuple[list[NDArray[np.float32]], float]
"""What a replica gives for a call: each unit's scores float32 ``[q, b, C]``, and the seconds that all took."""


@dataclass(frozen=True)
class Cut:
    """Where a unit lies among the queries asked for."""

    queries: slice
    columns: slice


def cut_queries(shape: tuple[int, ...], group: int, unit_examples: int) -> list[Cut]:
    """Cuts queries into even units of about ``unit_examples`` examples; a group stays together on each example.

    Several groups make a unit where they fit; a group that is larger than a unit is cut along its examples.

    Args:
        shape: of the rows, ``(q, b)``.
        group: number of consecutive queries that share a unit.
        unit_examples: how many examples a unit should hold.
    """
    n_queries, batch = shape
    n_groups = -(-n_queries // group)
    together = max(1, unit_examples // (batch * group))
    query_parts = _even_parts(n_groups, -(-n_groups // together))
    width = min(group, n_queries)
    column_parts = [slice(0, batch)] if together > 1 else _even_parts(batch, -(-batch * width // unit_examples))
    return [
        Cut(slice(part.start * group, min(part.stop * group, n_queries)), columns)
        for part in query_parts
        for columns in column_parts
    ]


def make_unit(cut: Cut, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int, group: int) -> Unit:
    """Returns the unit at that place, for latents ``[q, d]`` and rows ``[q, b]``."""
    return Unit(latents[cut.queries], np.ascontiguousarray(rows[cut.queries, cut.columns]), seed, group)


def _even_parts(size: int, n_parts: int) -> list[slice]:
    edges = np.linspace(0, size, min(n_parts, size) + 1).round().astype(int)
    return [slice(int(start), int(stop)) for start, stop in pairwise(edges)]
