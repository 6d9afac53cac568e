"""ZOSA: zeroth-order sharpness-aware minimisation with Rademacher directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from zostudy.errors import SpecError
from zostudy.methods.estimators import Gradient, Stencil, spread
from zostudy.methods.normalised import NormalisedMethod, NormalisedOptions
from zostudy.methods.options import LogRange
from zostudy.methods.queries import Latents, Losses, Step
from zostudy.methods.registry import register_method


@dataclass(frozen=True, kw_only=True)
class ZosaOptions(NormalisedOptions):
    """Options of ZOSA."""

    queries_per_step: Annotated[
        int,
        Ge(1),
        Doc("the most queries a step may spend, over both stages: 2(m + 1), or 2m + 1 with at_current"),
    ] = 18
    sharpness_radius: Annotated[
        float,
        Ge(0),
        Doc("length of the ascent, in the unit of the steps (embedding spreads); 0 is FZOO at twice the price"),
        LogRange(0.1, 10),
    ] = 1.0
    baseline: Annotated[
        Literal["at_perturbed", "at_current"],
        Doc("loss that the second stage's differences subtract: at the ascended latent, or at the current one"),
    ] = "at_perturbed"
    second_directions: Annotated[
        Literal["fresh", "reused"], Doc("directions of the second stage: drawn anew, or those of the first")
    ] = "fresh"
    step_scale: Annotated[
        Literal["first_spread", "second_spread", "none"],
        Doc("what divides the gradient of the step: a stage's loss spread, or nothing"),
    ] = "first_spread"

    def __post_init__(self) -> None:
        """Raises SpecError where the rule spread would get a gradient that no spread divides."""
        if self.step_scale == "none" and self.step_rule == "spread":
            raise SpecError(
                "step_scale: none goes with another step_rule than spread",
                got="both were given",
                remedy="write step_rule: plain or adagrad-norm beside it",
            )


@register_method("zosa")
class Zosa(NormalisedMethod):
    """Ascend along one estimate, descend along another taken there (Fu et al., arXiv 2511.09156).

    On one batch, with Rademacher directions u and v:

        l_0 = L(z), l_i = L(z + radius u_i), sigma = std(l_i), g = 1/(radius m) sum_i (l_i - l_0) u_i
        z' = z + sharpness_radius * g / sigma
        l'_0 = L(z'),  l'_i = L(z' + radius v_i),  g' = 1/(radius m) sum_i (l'_i - l'_0) v_i
        z <- z - learning_rate * g' / sigma

    ``step_rule: plain`` is these lines. By default both moves are scaled: g / sigma to a length of about sqrt(d), so
    that ``sharpness_radius`` and ``reach`` count embedding spreads. As far as we could read the paper, it does not say
    where the second baseline is taken, whether v is fresh, or which sigma divides the last step: each is an option.
    A step costs 2(m + 1) queries, 2m + 1 with ``baseline: at_current``.
    """

    Options = ZosaOptions
    options: ZosaOptions

    @property
    def step_cost(self) -> int:
        """The probes of both stages and their base queries."""
        return 2 * self._n_directions + self._n_bases

    def step(self) -> Step:
        """Ascends, probes there on the same batch, and moves the latent."""
        directions = self.directions("probe", self._n_directions)
        first = self.stencil(directions, central=False, base=True)
        scores, labels = yield first.queries
        at_latent = first.at_base(scores), first.at_base(labels)
        self.objective.start(*at_latent)
        losses = self.objective.losses(scores, labels)
        sigma = self._spread(first, losses)
        ascent = self.options.sharpness_radius * self.per_spread(first.gradient(losses), sigma, self._n_directions)

        second = self._second_stencil(directions, (self.latent + ascent).astype(np.float32))
        second_scores, second_labels = yield second.queries
        second_losses = self.objective.losses(second_scores, second_labels)
        loss = float(first.at_base(losses).mean())
        gradient = second.gradient(second_losses, base=None if second.base else loss)

        self.descend(self._scaled(gradient, sigma, self._spread(second, second_losses)))
        self.objective.update(*at_latent)
        return self.record(loss, sigma, float(np.linalg.norm(gradient)))

    def _second_stencil(self, directions: Latents, point: Latents) -> Stencil:
        if self.options.second_directions == "fresh":
            directions = self.directions("second probe", self._n_directions)
        return self.stencil(directions, central=False, base=self._n_bases == 2, point=point)

    def _scaled(self, gradient: Gradient, first_spread: float, second_spread: float) -> Gradient:
        if self.options.step_scale == "none":
            return gradient
        divisor = first_spread if self.options.step_scale == "first_spread" else second_spread
        return self.per_spread(gradient, divisor, self._n_directions)

    def _spread(self, stencil: Stencil, losses: Losses) -> float:
        return spread(stencil.probe_losses(losses), self.options.spread_ddof)

    @property
    def _n_bases(self) -> int:
        return 2 if self.options.baseline == "at_perturbed" else 1

    @property
    def _n_directions(self) -> int:
        return self.count_directions(each=2, fixed=self._n_bases, at_least=2)
