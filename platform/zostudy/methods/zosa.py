"""ZOSA: zeroth-order sharpness-aware minimisation with Rademacher directions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from annotated_types import Ge
from typing_extensions import Doc

from zostudy.errors import SpecError
from zostudy.methods.ascent import AscendingMethod, AscentOptions
from zostudy.methods.estimators import Gradient, Stencil
from zostudy.methods.fzoo import Fzoo, FzooOptions
from zostudy.methods.option_notes import UsedWith
from zostudy.methods.options import Reach
from zostudy.methods.queries import Latents, Losses
from zostudy.methods.registry import register_method


@dataclass(frozen=True, kw_only=True)
class ZosaOptions(FzooOptions, AscentOptions):
    """Options of ZOSA."""

    queries_per_step: Annotated[
        int,
        Ge(1),
        Doc("the most queries a step may spend, over both stages: 2(m + 1), or 2m + 1 with at_current"),
    ] = 18
    reach: Reach = 3.0
    reach_steps: Annotated[
        int,
        Ge(1),
        UsedWith("step_rule", ("spread",)),
        Doc("spread: the most steps that reach holds for; of n more each is reach_steps / n as long"),
    ] = 16
    baseline: Annotated[
        Literal["at_perturbed", "at_current"],
        Doc("loss that the second stage's differences subtract: at the ascended latent, or at the current one"),
    ] = "at_perturbed"
    second_directions: Annotated[
        Literal["fresh", "reused"], Doc("directions of the second stage: drawn anew, or those of the first")
    ] = "fresh"
    step_scale: Annotated[
        Literal["first_spread", "second_spread", "none"],
        Doc("divisor of the step's gradient: a stage's loss spread, or nothing"),
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
class Zosa(AscendingMethod, Fzoo):
    """Ascend along one estimate, descend along another taken there (Fu et al., arXiv 2511.09156).

    On one batch, with Rademacher directions u and v:

        l_0 = L(z), l_i = L(z + radius u_i), sigma = std(l_i), g = 1/(radius m) sum_i (l_i - l_0) u_i
        z' = z + sharpness_radius * g / sigma
        l'_0 = L(z'),  l'_i = L(z' + radius v_i),  g' = 1/(radius m) sum_i (l'_i - l'_0) v_i
        z <- z - learning_rate * g' / sigma

    ``step_rule: plain`` is these lines. By default both moves are scaled: g / sigma to a length of about sqrt(d), so
    that ``sharpness_radius`` and ``reach`` count embedding spreads.

    Cost: 2(m + 1) queries a step, 2m + 1 with ``baseline: at_current``.

    Settings: The paper's are the two stages, the Rademacher directions, and a spread of m - 1 that scales ascent and
    step. As far as we could read it, it leaves open where the second baseline is taken, whether v is fresh, and which
    sigma divides the last step. Each is an option, whose default is ours: ``baseline: at_perturbed``, as a difference
    at z' needs the loss there, ``second_directions: fresh``, ``step_scale: first_spread``. Ours are also
    ``queries_per_step`` 18, so eight directions a stage, ``reach`` 3 and ``sharpness_radius`` 0.1, and, as in ``fzoo``,
    the step rule, the perturbation radius and the linear schedule. A budget of more than ``reach_steps`` steps has
    shorter ones, which go as far together: else the prompt ends the further from its start, the larger the budget is.
    The default of 16 steps is that of 300 queries.
    """

    Options = ZosaOptions
    options: ZosaOptions
    use = (
        "to study flatness; with defaults below fzoo on two embedded models at 300 queries, on one at 1,200; "
        "above bpt-fzg in 0 of 29 blocks of the record"
    )

    @property
    def n_bases(self) -> int:
        """Two, or one with ``baseline: at_current``."""
        return 2 if self.options.baseline == "at_perturbed" else 1

    def schedule(self) -> float:
        """Returns the factor of this step's length, by the learning rate's schedule and ``reach_steps``."""
        steps = self.context.step_budget // self.step_cost
        if self.options.step_rule != "spread" or steps <= self.options.reach_steps:
            return super().schedule()
        return super().schedule() * self.options.reach_steps / steps

    def second_stencil(self, first: Stencil, point: Latents) -> Stencil:
        """Returns the second stage's points, by ``second_directions`` and ``baseline``."""
        second = replace(super().second_stencil(first, point), base=self.n_bases == 2)
        return second if self.options.second_directions == "fresh" else replace(second, directions=first.directions)

    def scaled_second(
        self, gradient: Gradient, first: tuple[Stencil, Losses], second: tuple[Stencil, Losses]
    ) -> Gradient:
        """Returns the gradient divided by the spread that ``step_scale`` names."""
        if self.options.step_scale == "none":
            return gradient
        return self.per_spread(gradient, *(first if self.options.step_scale == "first_spread" else second))
