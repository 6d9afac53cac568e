"""Steps divided by the spread of the losses, in units free of the perturbation radius (FZOO, ZOSA)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt
from typing_extensions import Doc

from zostudy.methods.estimators import Gradient
from zostudy.methods.options import LogRange, ProbingOptions, Schedule
from zostudy.methods.probing import ProbingMethod

# Losses are means of float32 scores: a spread below this is their rounding, not the shape of the loss.
SMALLEST_SPREAD = 1e-8


@dataclass(frozen=True, kw_only=True)
class NormalisedOptions(ProbingOptions):
    """Options of methods that divide by the spread of the losses.

    For a smooth loss the spread is proportional to the radius, and so is the loss difference that it divides.
    By default both keep their factor: the step is ``learning_rate * mean_i (l_i - l_0) u_i / spread``, of
    length about ``learning_rate * sqrt((d + m - 1) / m)`` whatever the radius and the scale of the loss.
    """

    spread_ddof: Annotated[
        Literal[0, 1], Doc("spread divides by m - ddof: 1 as in the papers, 0 as in FZOO's code")
    ] = 1
    divide_by_radius: Annotated[
        bool, Doc("the papers' literal units: gradient / spread, so steps grow as 1 / perturbation_radius")
    ] = False
    learning_rate: Annotated[
        float,
        Gt(0),
        Doc("step in latent units: each step has length about learning_rate * sqrt((d + m - 1) / m)"),
        LogRange(0.1, 10),
    ] = 0.1
    learning_rate_schedule: Schedule = "linear"  # such steps do not shrink by themselves


class NormalisedMethod(ProbingMethod):
    """A probing method whose moves are ratios of a gradient and a spread."""

    options: NormalisedOptions

    def per_spread(self, gradient: Gradient, loss_spread: float) -> Gradient:
        """Returns gradient / spread in the units of ``divide_by_radius``; zeros where the losses are flat."""
        if loss_spread < SMALLEST_SPREAD:
            return np.zeros_like(gradient)
        unit = 1.0 if self.options.divide_by_radius else self.options.perturbation_radius
        return gradient * (unit / loss_spread)
