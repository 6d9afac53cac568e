"""Gradients divided by the spread of the losses, which frees them of the loss's scale (FZOO, ZOSA)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt
from typing_extensions import Doc

from zostudy.methods.estimators import Gradient
from zostudy.methods.options import LogRange, ProbingOptions, Reach, Schedule, StepRuleName, UsedWith
from zostudy.methods.probing import ProbingMethod

# Losses are means of float32 scores: a spread below this is their rounding, not the shape of the loss.
SMALLEST_SPREAD = 1e-8


@dataclass(frozen=True, kw_only=True)
class NormalisedOptions(ProbingOptions):
    """Options of methods that divide by the spread of the losses.

    For a smooth loss the spread is proportional to the radius, as are the loss differences that it divides. So
    ``mean_i (l_i - l_0) u_i / spread`` has a length of about ``sqrt((d + m - 1) / m)`` whatever the radius and the
    scale of the loss. The rule ``spread`` brings that to ``reach * sqrt(d)``.
    """

    spread_ddof: Annotated[
        Literal[0, 1], Doc("spread divides by m - ddof: 1 as in the papers, 0 as in FZOO's code")
    ] = 1
    step_rule: Annotated[
        StepRuleName,
        Doc("how far a step goes: spread is reach along gradient / spread, plain is learning_rate * gradient / spread"),
    ] = "spread"
    reach: Reach = 1.0
    learning_rate: Annotated[
        float,
        Gt(0),
        UsedWith("step_rule", ("plain",)),
        Doc("plain, the papers' own line: latent -= learning_rate * gradient / spread"),
        LogRange(1e-4, 1),
    ] = 0.01
    learning_rate_schedule: Schedule = "linear"  # such steps do not shrink by themselves


class NormalisedMethod(ProbingMethod):
    """A probing method that moves along gradients divided by a spread."""

    options: NormalisedOptions

    def per_spread(self, gradient: Gradient, loss_spread: float, n_directions: int) -> Gradient:
        """Returns ``gradient / loss_spread``, float64 ``[d]``; zeros where the losses are flat.

        The step rule ``plain`` leaves it as it is. For the others it is scaled to a length of about sqrt(d).
        """
        if loss_spread < SMALLEST_SPREAD:
            return np.zeros_like(gradient)
        if self.options.step_rule == "plain":
            return gradient / loss_spread
        d, m = self.options.subspace_dim, n_directions
        return gradient * (self.options.perturbation_radius / loss_spread * math.sqrt(d * m / (d + m - 1)))
