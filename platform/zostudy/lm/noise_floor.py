"""Does a dtype drown a finite difference? The rounding noise of a loss difference, against its spread over directions.

A loss difference grows in proportion to the perturbation radius; the noise of rounding does not. So every dtype has a
smallest radius, which depends on model, texts and loss and has to be measured. Noise is what dtype and batch
composition alone change in the difference along a given direction. The signal is the spread of the exact difference
over directions, which is all that a zeroth-order method uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENOUGH = 10.0
"""The least signal over noise at which a dtype leaves a method undisturbed."""
# In latent units. It changes every rounding of float32, but a loss difference by about a millionth of itself.
TINY_STEP = 1e-6

Score = Callable[[NDArray[np.float32], NDArray[np.int32], int], NDArray[np.float32]]
"""Latents ``[q, d]``, rows ``[q, b]`` and the group in; float32 scores ``[q, b, C]`` out."""
LossFunction = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Scores ``[q, b, C]`` in, the mean loss of each query ``[q]`` out."""


@dataclass(frozen=True)
class Probes:
    """The points at which losses are differenced, all on one batch.

    Attributes:
        centre: float32 ``[d]``.
        directions: float32 ``[K, d]``, two at least.
        radius: of the perturbation, in latent units.
        rows: int32 ``[b]``, the batch.
        central: take differences of +/- pairs, which share their forwards; else of a probe and the centre.
    """

    centre: NDArray[np.float32]
    directions: NDArray[np.float32]
    radius: float
    rows: NDArray[np.int32]
    central: bool

    @property
    def n_queries(self) -> int:
        """Model evaluations of one measurement."""
        return sum(len(call.latents(self)) for calls in COMPOSITIONS for call in calls)


@dataclass(frozen=True)
class ProbeCall:
    """Some of the probes, in one call of a model.

    Attributes:
        first: where its directions begin, as a share of all.
        last: where they end, as a share of all.
        step: 1 takes the rows of the batch in order, -1 in reverse.
        aside: how far the centre is moved along the first direction, in latent units.
    """

    first: float = 0.0
    last: float = 1.0
    step: int = 1
    aside: float = 0.0

    def latents(self, probes: Probes) -> NDArray[np.float32]:
        """Returns the points, float32 ``[n, d]``: each probe or +/- pair, then the centre."""
        count = len(probes.directions)
        offsets = np.float32(probes.radius) * probes.directions[int(self.first * count) : int(self.last * count)]
        sides = [offsets, -offsets] if probes.central else [offsets]
        centre = probes.centre + np.float32(self.aside) * probes.directions[0]
        around = centre + np.stack(sides, axis=1).reshape(-1, len(centre))
        return np.concatenate([around, centre[None]])

    def score(self, probes: Probes, score: Score) -> NDArray[np.float32]:
        """Returns the points' scores, float32 ``[n, b, C]``, the examples in the batch's order."""
        latents = self.latents(probes)
        rows = np.tile(probes.rows[:: self.step], (len(latents), 1))
        return score(latents, rows, 2 if probes.central else 1)[:, :: self.step]


COMPOSITIONS = (
    (ProbeCall(),),
    (ProbeCall(last=0.5, step=-1, aside=TINY_STEP), ProbeCall(first=0.5, step=-1, aside=TINY_STEP)),
)
"""Two ways to put the same probes into forwards: all together; and half of the directions at a time, rows reversed.

Many processors round a float32 sum alike in any batch, which would hide the noise; so the second moves by a tiny step.
"""


@dataclass(frozen=True)
class ProbeScores:
    """Scores of all probes: for each composition and each of its calls float32 ``[n, b, C]``, the centre last."""

    calls: Sequence[Sequence[NDArray[np.float32]]]

    @property
    def at_centre(self) -> NDArray[np.float32]:
        """Scores of the unperturbed latent, float32 ``[1, b, C]``."""
        return self.calls[0][0][-1:]


@dataclass(frozen=True)
class NoiseFloor:
    """The signal and the rounding noise of a loss difference in one dtype.

    Attributes:
        signal: standard deviation over directions of the exact difference, in units of the loss.
        noise: root mean square of what dtype and batch composition add to the difference, in the same units.
        radius: of the perturbation at which both were measured.
    """

    signal: float
    noise: float
    radius: float

    @property
    def signal_over_noise(self) -> float:
        """Infinite without noise; 0 where the loss is flat."""
        if self.signal == 0:
            return 0.0
        return self.signal / self.noise if self.noise else float("inf")

    @property
    def enough(self) -> bool:
        """True if the dtype may be used; False if anything is not finite."""
        return self.signal_over_noise >= ENOUGH

    @property
    def least_radius(self) -> float:
        """The radius at which signal over noise would be ``ENOUGH``; infinite where the loss is flat.

        It extrapolates: the signal grows in proportion to the radius, as for a smooth loss, and the noise is constant.
        """
        ratio = self.signal_over_noise
        return self.radius * ENOUGH / ratio if ratio else float("inf")


def score_probes(probes: Probes, score: Score) -> ProbeScores:
    """Returns the scores of the probes, in every composition."""
    return ProbeScores([[call.score(probes, score) for call in calls] for calls in COMPOSITIONS])


def noise_floor(
    probes: Probes, losses: LossFunction, scores: ProbeScores, reference: ProbeScores | None = None
) -> NoiseFloor:
    """Returns the noise floor of the dtype that made the scores.

    Args:
        probes: that were scored.
        losses: the same function for every call.
        scores: in the dtype.
        reference: in float32; their mean over compositions is taken for exact. None if ``scores`` are float32.
    """
    differences = _differences(probes, losses, scores)
    exact = differences if reference is None else _differences(probes, losses, reference)
    # Deviations from a mean of their own have one degree of freedom less for each direction.
    freedom = differences.size - (differences.shape[1] if reference is None else 0)
    deviations = differences - exact.mean(axis=0)
    noise = float(np.sqrt(np.square(deviations).sum() / freedom))
    return NoiseFloor(float(exact.mean(axis=0).std(ddof=1)), noise, probes.radius)


def _differences(probes: Probes, losses: LossFunction, scores: ProbeScores) -> NDArray[np.float64]:
    """Returns the loss differences, float64 ``[compositions, K]``."""
    return np.array(
        [np.concatenate([_of_call(losses(part), probes.central) for part in calls]) for calls in scores.calls]
    )


def _of_call(losses: NDArray[np.float64], central: bool) -> NDArray[np.float64]:
    return losses[0:-1:2] - losses[1:-1:2] if central else losses[:-1] - losses[-1]
