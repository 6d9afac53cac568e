"""The training loss around the point that a confirm trial keeps: slices through it, a plane, and its sharpness.

Lengths are in latent units, as the perturbation radius is: 1 along a direction of length sqrt(d) moves every prompt
entry by about ``prompt_scale`` times the spread of the embedding table, for any d (``zostudy.lm.subspace``). So
landscapes can be compared across ``subspace_dim``. The loss is cross-entropy for every method, so that they can be
compared across methods too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zostudy.methods.directions import draw_directions
from zostudy.methods.objectives import CrossEntropy
from zostudy.randomness import generator
from zostudy.results.outcome import Landscape
from zostudy.tasks.imbalance import Draw

EXTENT = 2.0
"""The distance that slices and plane reach. On the embedded task the loss is a parabola up to about 1, and not at 2."""

STEPS = 4
"""Points of a slice on each side of the kept point."""

SHARPNESS_RADIUS = 1.0
"""The radius of sharpness: the largest at which the loss of the embedded task rises as its curvature says."""

SHARPNESS_PAIRS = 8
MOST_EXAMPLES = 64

_PAIR = 2


@dataclass(frozen=True)
class LandscapeProbe:
    """The points to evaluate, +/- pairs around the centre: those of slices or plane, then those of the sharpness.

    Attributes:
        coordinates: float64 ``[p, 2]``, of the first p points.
        latents: float32 ``[p + 2 K + 1, d]``, the centre last.
    """

    coordinates: NDArray[np.float64]
    latents: NDArray[np.float32]

    @classmethod
    def of(cls, centre: NDArray[np.float32], seed: int, plane: bool) -> LandscapeProbe:
        """Returns the points around a centre float32 ``[d]``; all directions are functions of the seed and d alone.

        Args:
            centre: the kept point.
            seed: of the trial's draw and subspace.
            plane: the whole plane, not just its two axes, which are the slices.
        """
        half = _coordinates(plane, has_second_axis=len(centre) > 1)
        along = draw_directions("sphere", seed, 0, "sharpness", SHARPNESS_PAIRS, len(centre))
        steps = np.concatenate([half @ _axes(seed, len(centre)), SHARPNESS_RADIUS * along])
        pairs = centre + np.stack([steps, -steps], axis=1).reshape(-1, len(centre))
        both = np.stack([half, 0.0 - half], axis=1).reshape(-1, 2)  # a minus would leave -0.0
        return cls(both, np.concatenate([pairs, centre[None]]).astype(np.float32))

    def landscape(self, scores: NDArray[np.float32], labels: NDArray[np.int32]) -> Landscape:
        """Returns the mean losses, and the sharpness: the mean of [L(z + u) + L(z - u)] / 2 - L(z) over K pairs.

        The u are uniform on the sphere of radius r sqrt(d), r = ``SHARPNESS_RADIUS``. It is the expected rise, not the
        worst: r^2 tr(H) / 2 for a quadratic loss of Hessian H. The slope cancels in each pair.

        Args:
            scores: float32 ``[p + 2 K + 1, b, C]`` of the latents.
            labels: int32 ``[b]``.
        """
        losses = _mean_losses(scores, labels)
        n_points = len(self.coordinates)
        at_points = np.append(losses[:n_points], losses[-1])
        x, y = np.concatenate([self.coordinates, np.zeros((1, 2))]).T
        order = np.lexsort((y, x))
        sharpness = float(losses[n_points:-1].mean() - losses[-1])
        return Landscape(x[order], y[order], at_points[order], len(labels), sharpness)


def balanced_rows(draw: Draw, labels: NDArray[np.int32], seed: int) -> NDArray[np.int32]:
    """Returns the training rows of the loss, int32: the same number from each class.

    That number is the size of the rarest class, but at most ``MOST_EXAMPLES`` rows in all, and at least one of each
    class. All methods of a ratio and seed have the same rows.

    Args:
        draw: of the trial.
        labels: int32 ``[n]``, the class of each row of the task's table.
        seed: of the draw.
    """
    classes = (draw.train_rows[labels[draw.train_rows] == label] for label in range(len(draw.train_counts)))
    count = _rows_of_a_class(draw.train_counts)
    shuffled = [generator(seed, "landscape", label).permutation(rows) for label, rows in enumerate(classes)]
    return np.concatenate([rows[:count] for rows in shuffled])


def n_examples(train_counts: Sequence[int], plane: bool) -> int:
    """Returns how many examples a trial scores for its landscape, for a latent of more than one dimension."""
    points = _PAIR * (len(_coordinates(plane, has_second_axis=True)) + SHARPNESS_PAIRS) + 1
    return points * n_rows(train_counts)


def n_rows(train_counts: Sequence[int]) -> int:
    """Returns how many training examples the loss is over, the length of ``balanced_rows``."""
    return _rows_of_a_class(train_counts) * len(train_counts)


def has_plane(number: int) -> bool:
    """Returns whether the confirm trial of that number evaluates the whole plane: the first of each cell."""
    return number == 0


def _rows_of_a_class(train_counts: Sequence[int]) -> int:
    return max(1, min(MOST_EXAMPLES // len(train_counts), *train_counts))


def _coordinates(plane: bool, has_second_axis: bool) -> NDArray[np.float64]:
    """Returns float64 ``[p / 2, 2]``, one point of each +/- pair on the grid."""
    steps = EXTENT * np.arange(-STEPS, STEPS + 1) / STEPS
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    half = grid[len(grid) // 2 + 1 :]  # the k-th point's antipode is the k-th from the end
    wanted = (half == 0).any(axis=1) | plane if has_second_axis else half[:, 1] == 0
    found: NDArray[np.float64] = half[wanted]
    return found


def _axes(seed: int, dim: int) -> NDArray[np.float64]:
    """Returns two directions at right angles, float64 ``[2, d]``, of length sqrt(d); the second is 0 where d is 1."""
    first, second = draw_directions("sphere", seed, 0, "landscape", 2, dim).astype(np.float64)
    second -= (second @ first) / (first @ first) * first
    length = np.linalg.norm(second) if dim > 1 else 1.0
    return np.stack([first, second * np.sqrt(dim) / length])


def _mean_losses(scores: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Returns float64 ``[n]``, NaN where a score is not finite."""
    with np.errstate(invalid="ignore"):
        every = CrossEntropy(np.ones(scores.shape[-1])).losses(scores, np.tile(labels, (len(scores), 1)))
        means: NDArray[np.float64] = every.mean(axis=1)
    return np.where(np.isfinite(scores).all(axis=(1, 2)), means, np.nan)
