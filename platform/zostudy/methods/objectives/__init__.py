"""Objectives: cross-entropy and its relatives, and AUC maximisation as a minimax problem or over pairs."""

from __future__ import annotations

import numpy as np

from zostudy.methods.context import Context
from zostudy.methods.objectives.auc import AucMinimax
from zostudy.methods.objectives.base import ClassVector, Objective
from zostudy.methods.objectives.pairwise import AucPairwise
from zostudy.methods.objectives.pointwise import CrossEntropy, Focal, Hinge, Ldam, LogitAdjusted, balanced_weights
from zostudy.methods.options import ObjectiveOptions

__all__ = [
    "AucMinimax",
    "AucPairwise",
    "CrossEntropy",
    "Focal",
    "Hinge",
    "Ldam",
    "LogitAdjusted",
    "Objective",
    "make_objective",
]


def make_objective(options: ObjectiveOptions, context: Context, class_shares: ClassVector) -> Objective:
    """Returns the objective that ``options.objective`` names.

    Args:
        options: the method's options.
        context: its trial.
        class_shares: float64 ``[C]``, the share of every class in what the sampler draws.
    """
    if options.objective == "auc":
        return AucMinimax(_positive_classes(context), class_shares, options, context.imbalance)
    if options.objective == "auc-pairwise":
        return AucPairwise(_positive_classes(context), context.imbalance.margin)
    balanced = context.imbalance.class_weights == "balanced"
    weights = balanced_weights(class_shares) if balanced else np.ones(context.n_classes)
    if options.objective == "focal":
        return Focal(weights, options.focal_gamma)
    if options.objective == "hinge":
        return Hinge(weights, options.hinge_margin)
    if options.objective == "logit-adjusted":
        return LogitAdjusted(weights, class_shares, options.logit_adjustment)
    if options.objective == "ldam":
        return Ldam(weights, np.bincount(context.labels, minlength=context.n_classes), options.ldam_margin)
    return CrossEntropy(weights)


def _positive_classes(context: Context) -> tuple[int, ...]:
    if context.n_classes > 2:
        return tuple(range(context.n_classes))
    return context.minority_classes[:1] or (1,)
