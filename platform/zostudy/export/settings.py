"""The settings that took part in a trial: each objective leaves some of the stored options unused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_POINTWISE = ("cross-entropy", "focal", "hinge")

USED_BY: Mapping[str, tuple[str, ...]] = {
    "focal_gamma": ("focal",),
    "hinge_margin": ("hinge",),
    "auc_version": ("auc",),
    "alpha_projection": ("auc",),
    "auxiliary_learning_rate": ("auc",),
    "auxiliary_start": ("auc",),
    "imbalance.prior": ("auc",),
    "imbalance.margin": ("auc",),
    "imbalance.class_weights": _POINTWISE,
}
"""The objectives that use an option; every objective uses the others."""


def settings_in_use(params: Mapping[str, Any], objective: str | None) -> dict[str, Any]:
    """Returns the options that are set, without those that the objective does not use.

    Args:
        params: every option, the imbalance settings among them.
        objective: which the method minimised, or None for a method without one.
    """
    return {
        name: value
        for name, value in params.items()
        if value is not None and (name not in USED_BY or objective in USED_BY[name])
    }
