"""Gradients from losses: forward and central differences along directions, and the spread of the losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from zostudy.methods.queries import Latents, Losses, Queries, Rows

Gradient = NDArray[np.float64]
Value = TypeVar("Value", bound=np.generic)


def forward_difference(losses: Losses, base: float | Losses, directions: Latents, radius: float) -> Gradient:
    """Returns ``1/m sum_i (losses_i - base) / radius * u_i``, float64 ``[d]``.

    Args:
        losses: float64 ``[m]``, at the point plus ``radius * u_i``.
        base: the loss at the point, one for all or one for each direction.
        directions: float32 ``[m, d]``, the u_i.
        radius: the distance, more than 0.
    """
    return _mean_along((losses - base) / radius, directions)


def central_difference(plus: Losses, minus: Losses, directions: Latents, radius: float) -> Gradient:
    """Returns ``1/m sum_i (plus_i - minus_i) / (2 radius) * u_i``, float64 ``[d]``; shapes as above."""
    return _mean_along((plus - minus) / (2 * radius), directions)


def spread(losses: Losses, ddof: int = 1) -> float:
    """Returns the standard deviation of the losses: divided by ``m - ddof``, 0 for a single loss."""
    return float(np.std(losses, ddof=ddof)) if len(losses) > ddof else 0.0


def _mean_along(slopes: Losses, directions: Latents) -> Gradient:
    # Summed row by row, not by BLAS, whose order of summation depends on its number of threads.
    total: Gradient = (slopes[:, None] * directions).sum(axis=0)
    return total / len(slopes)


@dataclass(frozen=True)
class Stencil:
    """The points of a finite difference, and the gradient from their losses.

    Points are laid out as: for each direction its probe (or its +/- pair, adjacent), then the base points.

    Attributes:
        point: float32 ``[d]``, the centre.
        directions: float32 ``[m, d]``.
        radius: distance of the probes along a direction.
        rows: int32 ``[b]``, the batch.
        central: +/- pairs instead of one probe per direction.
        base: whether the centre itself is evaluated too: one more query.
        per_example: direction i belongs to example ``i mod b`` alone, so that b directions cost one query a
            side; else each direction is evaluated on the whole batch.
    """

    point: Latents
    directions: Latents
    radius: float
    rows: Rows
    central: bool
    base: bool
    per_example: bool = False

    @property
    def queries(self) -> Queries:
        """The queries that evaluate all points; a +/- pair shares a forward."""
        offsets = np.float32(self.radius) * self.directions
        sides = [offsets, -offsets] if self.central else [offsets]
        probes = self.point + np.stack(sides, axis=1).reshape(-1, len(self.point))
        latents = np.concatenate([probes, np.tile(self.point, (self._n_base, 1))])
        return Queries(latents, self._rows(len(latents)), group=len(sides))

    def at_base(self, values: NDArray[Value]) -> NDArray[Value]:
        """Returns the part of ``[q, ...]`` values that belongs to the base points."""
        return values[self._n_probes :]

    def probe_losses(self, losses: Losses) -> Losses:
        """Returns the mean loss of each probing query, float64 ``[n]``, from all points' ``[q, b]``."""
        probes: Losses = losses[: self._n_probes].mean(axis=1)
        if not self.per_example:
            return probes
        by_repeat: Losses = probes.reshape(-1, len(self.rows), self._n_sides).mean(axis=1)
        return by_repeat.reshape(-1)

    def spread(self, losses: Losses, ddof: int = 1) -> float:
        """Returns the standard deviation of how much the losses ``[q, b]`` change along the directions."""
        probes = losses[: self._n_probes].mean(axis=1)
        if self.central:
            return spread((probes[0::2] - probes[1::2]) / 2, ddof)
        if self.per_example:  # each example has a base loss of its own, which would count as spread
            probes = probes - np.resize(self.at_base(losses).mean(axis=1), len(probes))
        return spread(probes, ddof)

    def gradient(self, losses: Losses, base: float | None = None) -> Gradient:
        """Returns the estimate, float64 ``[d]``, from the losses ``[q, b]`` of all points.

        Args:
            losses: float64 ``[q, b]``, the losses of every example under every prompt.
            base: the loss to subtract in a forward difference where the stencil has no base of its own.
        """
        mean = losses.mean(axis=1)
        probes = mean[: self._n_probes]
        if self.central:
            return central_difference(probes[0::2], probes[1::2], self.directions, self.radius)
        reference = np.resize(self.at_base(mean), len(probes)) if base is None else base
        return forward_difference(probes, reference, self.directions, self.radius)

    @property
    def _n_sides(self) -> int:
        return 2 if self.central else 1

    @property
    def _n_probes(self) -> int:
        return self._n_sides * len(self.directions)

    @property
    def _n_base(self) -> int:
        points_of_one_query = len(self.rows) if self.per_example else 1
        return points_of_one_query if self.base else 0

    def _rows(self, n_points: int) -> Rows:
        if not self.per_example:
            return np.tile(self.rows, (n_points, 1))
        own = np.resize(self.rows, len(self.directions))  # direction i belongs to example i mod b
        return np.concatenate([np.repeat(own, self._n_sides), self.rows[: self._n_base]])[:, None]
