"""Sharpness-aware descent: ascend along one estimate, descend along another taken there. ZOSA's two stages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from zostudy.methods.estimators import Gradient, Stencil
from zostudy.methods.option_notes import LogRange
from zostudy.methods.options import ProbingOptions
from zostudy.methods.probing import ProbingMethod
from zostudy.methods.queries import Latents, Losses, Step


@dataclass(frozen=True, kw_only=True)
class AscentOptions(ProbingOptions):
    """The option of a method that ascends first."""

    sharpness_radius: Annotated[
        float,
        Ge(0),
        Doc("length of the ascent, in the unit of the steps (embedding spreads); at 0 both stages probe one point"),
        LogRange(0.01, 1),
    ] = 0.1


class AscendingMethod(ProbingMethod):
    """Takes the step of another probing method from the estimate at a point up the slope.

    It goes before that method among the bases: ``class Sharpness(AscendingMethod, Spsa)``. Both stages use one batch,
    and a step costs twice the method's. Where differences are central, only the first stage probes its point too, for
    the objective's own scalars.
    """

    options: AscentOptions
    n_stages = 2

    @property
    def n_bases(self) -> int:
        """One for each stage, or for the first alone with central differences."""
        return int(self.base) if self.central else super().n_bases

    def step(self) -> Step:
        """Ascends, probes there on the same batch, and moves the latent."""
        first = self.stencil("probe")
        scores, labels = yield first.queries
        losses = self.losses_at_latent(first, scores, labels)
        ascent = self.options.sharpness_radius * self.per_spread(first.gradient(losses), first, losses)

        second = self.second_stencil(first, (self.latent + ascent).astype(np.float32))
        second_scores, second_labels = yield second.queries
        second_losses = self.objective.losses(second_scores, second_labels)
        loss = float(first.at_base(losses).mean()) if first.base else float(first.probe_losses(losses).mean())
        gradient = second.gradient(second_losses, base=None if second.base else loss)

        self.descend(self.scaled_second(gradient, (first, losses), (second, second_losses)))
        self.update_scalars(first, scores, labels)
        return self.record(loss, first.spread(losses, self.spread_ddof), float(np.linalg.norm(gradient)))

    def second_stencil(self, first: Stencil, point: Latents) -> Stencil:
        """Returns the points to probe around the ascended point, along fresh directions."""
        return replace(self.stencil("second probe", point), base=not self.central)

    def scaled_second(
        self, gradient: Gradient, first: tuple[Stencil, Losses], second: tuple[Stencil, Losses]
    ) -> Gradient:
        """Returns the vector for the step rule, made from the second stage's gradient and the stages' losses."""
        return self.scaled(gradient, *second)
