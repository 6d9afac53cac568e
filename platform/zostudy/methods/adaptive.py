"""ZO-AdaMM and R-AdaZO: SPSA's estimate, and a step rule that scales each entry by itself."""

from __future__ import annotations

from dataclasses import dataclass

from zostudy.methods.options import Direction, GradientStepRule, Reach, Schedule
from zostudy.methods.registry import register_method
from zostudy.methods.spsa import Spsa, SpsaOptions


@dataclass(frozen=True, kw_only=True)
class ZoAdammOptions(SpsaOptions):
    """Options of ZO-AdaMM."""

    step_rule: GradientStepRule = "amsgrad"
    reach: Reach = 1.0
    learning_rate_schedule: Schedule = "linear"  # such steps do not shrink by themselves


@register_method("zo-adamm")
class ZoAdamm(Spsa):
    """ZO-AdaMM: SPSA's gradient into AMSGrad, that is spsa with the step rule amsgrad.

        m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2;   w <- max(w, v)
        z <- z - reach * m / sqrt(w)

    g is SPSA's estimate. ``bias_correction: false`` and ``learning_rate_schedule: constant`` are these lines, where
    ``reach`` is the learning rate. We know the method only from other papers. They say that g goes into AMSGrad. The
    estimator, the decays (Adam's usual ones) and all defaults are ours. A step costs what SPSA's does.
    """

    Options = ZoAdammOptions
    use = "to study adaptive steps; with defaults above spsa on no embedded model"


@dataclass(frozen=True, kw_only=True)
class RAdazoOptions(ZoAdammOptions):
    """Options of R-AdaZO."""

    step_rule: GradientStepRule = "r-adazo"
    reach: Reach = 0.3
    direction: Direction = "sphere"


@register_method("r-adazo")
class RAdazo(Spsa):
    """R-AdaZO (ICML 2025): SPSA's gradient into adaptive steps by the second moment of its mean.

        m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) m^2
        z <- z - reach * m / sqrt(v + zeta)

    g is an estimate along directions of the sphere. ``bias_correction: false`` and ``learning_rate_schedule: constant``
    are these lines with zeta = 0, where ``reach`` is the learning rate. A summary of the paper gave us the lines and
    the sphere; the estimator, the decays and all defaults are ours. On pure noise the quotient that ``reach`` scales
    is about sqrt((1 - beta1) / (1 + beta1)), or 0.23, in ZO-AdaMM, and 1 here. So the default ``reach`` is shorter in
    about that proportion. A step costs what SPSA's does.
    """

    Options = RAdazoOptions
    use = "to study adaptive steps; with defaults below spsa on every embedded model"
