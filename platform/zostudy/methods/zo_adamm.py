"""ZO-AdaMM: SPSA's estimate into AMSGrad."""

from __future__ import annotations

from dataclasses import dataclass

from zostudy.methods.options import GradientStepRule, Reach, Schedule
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
    ``reach`` is the learning rate.

    Cost: the queries of a step of ``spsa``.

    Settings: We know the method only from other papers. They say that g goes into AMSGrad (``step_rule: amsgrad``).
    Ours are ``reach`` 1, ``learning_rate_schedule: linear``, and the decays (Adam's usual ones) with their correction.
    All others are those of ``spsa``.
    """

    Options = ZoAdammOptions
    use = (
        "to study adaptive steps; "
        "with defaults above spsa on no embedded model, and below random-search in mean rank on real text; "
        "above bpt-fzg in 1 of 7 blocks of the record"
    )
