"""R-AdaZO: SPSA's estimate into steps that the second moment of its mean scales."""

from __future__ import annotations

from dataclasses import dataclass

from zostudy.methods.options import Direction, GradientStepRule, Reach, Schedule
from zostudy.methods.registry import register_method
from zostudy.methods.spsa import Spsa, SpsaOptions


@dataclass(frozen=True, kw_only=True)
class RAdazoOptions(SpsaOptions):
    """Options of R-AdaZO."""

    step_rule: GradientStepRule = "r-adazo"
    reach: Reach = 0.3
    learning_rate_schedule: Schedule = "linear"  # such steps do not shrink by themselves
    direction: Direction = "sphere"


@register_method("r-adazo")
class RAdazo(Spsa):
    """R-AdaZO (ICML 2025): SPSA's gradient into adaptive steps by the second moment of its mean.

        m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) m^2
        z <- z - reach * m / sqrt(v + zeta)

    g is an estimate along directions of the sphere. ``bias_correction: false`` and ``learning_rate_schedule: constant``
    are these lines with zeta = 0, where ``reach`` is the learning rate.

    Cost: the queries of a step of ``spsa``.

    Settings: The paper's, by a summary of it, are the lines (``step_rule: r-adazo``) and ``direction: sphere``. Ours
    are ``reach`` 0.3, ``learning_rate_schedule: linear``, and the decays with their correction. All others are those of
    ``spsa``. On pure noise the quotient that ``reach`` scales is about sqrt((1 - beta1) / (1 + beta1)), or 0.23, in
    ZO-AdaMM, and 1 here. So the default ``reach`` is shorter in about that proportion.
    """

    Options = RAdazoOptions
    use = (
        "to study adaptive steps; "
        "with defaults below spsa on every embedded model, but above spsa in mean rank on real text; "
        "above bpt-fzg in 1 of 7 blocks of the record"
    )
