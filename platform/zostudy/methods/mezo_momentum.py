"""MeZO with momentum and a clipped gradient, as ZOT takes its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt
from typing_extensions import Doc

from zostudy.methods.context import Context
from zostudy.methods.estimators import Gradient
from zostudy.methods.options import Direction, Reach
from zostudy.methods.registry import register_method
from zostudy.methods.spsa import Spsa, SpsaOptions


@dataclass(frozen=True, kw_only=True)
class MezoMomentumOptions(SpsaOptions):
    """Options of MeZO with momentum."""

    queries_per_step: Annotated[
        int, Ge(1), Doc("the most queries a step may spend: a pair, and one at the latent for the AUC objective")
    ] = 3
    direction: Direction = "gaussian"
    reach: Reach = 1.0
    momentum: Annotated[float, Ge(0), Lt(1), Doc("decay of the mean of the moves")] = 0.96
    gradient_clip: Annotated[
        float, Gt(0), Doc("an estimate longer than this is shortened to it before it joins the mean")
    ] = 100.0


@register_method("mezo-momentum")
class MezoMomentum(Spsa):
    """One central difference a step, clipped, and a step along the mean of the moves (ZOT, EMNLP 2024).

        g = (L(z + radius u) - L(z - radius u)) / (2 radius) * u;   g <- g * min(1, gradient_clip / |g|)
        v <- momentum v + (1 - momentum) learning_rate g;   z <- z - v / (1 - momentum^t)

    ``momentum: 0`` and a large ``gradient_clip`` are ``spsa``.

    Cost: 2 queries a step, 3 with the AUC objective. More directions cost what they do in ``spsa``.

    Settings: ZOT's code has one direction a step (``queries_per_step`` 3 holds one pair), ``momentum`` 0.96 with this
    correction, ``gradient_clip`` 100, radius 0.1, and a learning rate that falls from 0.1 to 0.01 along a cosine, over
    the whole prompt. That is ``step_rule: plain``, ``learning_rate: 0.1``, ``learning_rate_schedule: cosine`` (it falls
    to 0), ``model.subspace: none``. ``direction: gaussian`` is MeZO's. Ours are the step rule and the radius, which are
    those of ``spsa``, as no learning rate suits two models, and ``reach`` 1, which is shorter than SPSA's, because the
    correction counts the first moves several times.
    """

    Options = MezoMomentumOptions
    options: MezoMomentumOptions
    use = (
        "to study momentum; "
        "with defaults below fzoo on two embedded models, level with random-search on one, and below "
        "random-search in mean rank on real text; above bpt-fzg in 0 of 7 blocks of the record"
    )
    state_attributes = ("velocity",)

    def __init__(self, options: MezoMomentumOptions, context: Context) -> None:
        """Starts at rest; raises as ``Spsa`` does."""
        super().__init__(options, context)
        self.velocity: Gradient = np.zeros(options.subspace_dim)

    def move(self, gradient: Gradient) -> Gradient:
        """Returns the mean of the moves so far, this gradient's among them."""
        clip, momentum = self.options.gradient_clip, self.options.momentum
        move = super().move(gradient * (clip / max(clip, float(np.linalg.norm(gradient)))))
        self.velocity = momentum * self.velocity + (1 - momentum) * move
        return self.velocity / (1 - momentum ** (self.step_number + 1))
