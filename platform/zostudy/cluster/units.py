"""Units of work: cut by the queries alone, never by how many replicas live, so numbers do not depend on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

UNIT_EXAMPLES = 256


@dataclass(frozen=True)
class Unit:
    """What one replica evaluates in one call.

    Attributes:
        latents: float32 ``[q, d]``.
        rows: int32 ``[q, b]``.
        seed: names the subspace.
        group: so many neighbouring queries share each forward.
    """

    latents: NDArray[np.float32]
    rows: NDArray[np.int32]
    seed: int
    group: int


def cut_units(latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int, group: int) -> list[Unit]:
    """Cuts queries into even units of about ``UNIT_EXAMPLES`` examples, neighbours of a group kept together.

    A single query on many examples (an evaluation of dev or test) is cut along its examples instead.

    Args:
        latents: float32 ``[q, d]``.
        rows: int32 ``[q, b]``.
        seed: names the subspace.
        group: so many neighbouring queries share a unit.
    """
    n_queries, batch = rows.shape
    if n_queries == 1:
        parts = np.array_split(rows, -(-batch // UNIT_EXAMPLES), axis=1)
        return [Unit(latents, np.ascontiguousarray(part), seed, group) for part in parts]
    n_groups = -(-n_queries // group)
    n_units = -(-n_groups // max(1, UNIT_EXAMPLES // (batch * group)))
    edges = [int(part[0]) * group for part in np.array_split(np.arange(n_groups), n_units)] + [n_queries]
    return [Unit(latents[a:b], rows[a:b], seed, group) for a, b in pairwise(edges)]


def join_scores(scores: Sequence[NDArray[np.float32]], n_queries: int) -> NDArray[np.float32]:
    """Returns float32 ``[q, b, C]`` out of the units' scores, in the order of ``cut_units``."""
    return np.concatenate(scores, axis=1 if n_queries == 1 else 0)
