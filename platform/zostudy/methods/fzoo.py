"""FZOO: one-sided Rademacher probes with the step divided by the spread of their losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt
from typing_extensions import Doc

from zostudy.methods.estimators import Gradient, Stencil
from zostudy.methods.option_notes import LogRange, UsedWith
from zostudy.methods.options import ProbingOptions, Reach, Schedule, StepRuleName
from zostudy.methods.probing import ProbingMethod
from zostudy.methods.queries import Losses
from zostudy.methods.registry import register_method


@dataclass(frozen=True, kw_only=True)
class FzooOptions(ProbingOptions):
    """Options of methods that divide by the spread of the losses, which frees them of the loss's scale.

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


@register_method("fzoo")
class Fzoo(ProbingMethod):
    """Normalised zeroth-order descent (FZOO, ICLR 2026, arXiv 2506.09034).

        g = 1/(radius m) sum_i (l_i - l_0) u_i,   sigma^2 = 1/(m-1) sum_i (l_i - mean l)^2
        z <- z - learning_rate * g / sigma

    Here l_0 = L(z) and l_i = L(z + radius u_i) on the step's batch. ``step_rule: plain`` is these lines; the released
    code has a factor ``radius`` more in the last.

    Cost: m + 1 queries a step.

    Settings: The paper's are the one-sided estimate, ``direction: rademacher`` and ``spread_ddof: 1`` (its code has 0).
    Ours are ``queries_per_step`` 10, so nine directions (an example of its code has eight), ``perturbation_radius``
    0.1, ``step_rule: spread``, which brings a step to a length of about ``reach * sqrt(d)``, ``reach`` 1, and
    ``learning_rate_schedule: linear``, where its code is constant.
    """

    Options = FzooOptions
    options: FzooOptions
    use = (
        "beside bpt-fzg: on the embedded models the best mean AUC of those that minimise cross-entropy; "
        "above bpt-fzg in 7 of 29 blocks of the record"
    )
    least_directions = 2

    @property
    def spread_ddof(self) -> int:
        """By the option of that name."""
        return self.options.spread_ddof

    def scaled(self, gradient: Gradient, stencil: Stencil, losses: Losses) -> Gradient:
        """Returns the gradient divided by the spread of its own losses."""
        return self.per_spread(gradient, stencil, losses)
