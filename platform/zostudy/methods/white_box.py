"""The white-box reference: the true gradient in the latent, and Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt
from typing_extensions import Doc

from zostudy.methods.context import Context
from zostudy.methods.estimators import Gradient
from zostudy.methods.option_notes import LogRange
from zostudy.methods.options import ObjectiveOptions
from zostudy.methods.probing import TunedMethod
from zostudy.methods.queries import Queries, Step
from zostudy.methods.registry import register_method

MEAN_DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Adam's beta 1, beta 2 and epsilon, as its paper has them."""


@dataclass(frozen=True, kw_only=True)
class WhiteBoxOptions(ObjectiveOptions):
    """Options of the white box."""

    learning_rate: Annotated[
        float, Gt(0), Doc("step size of Adam, about how far each entry of the latent moves"), LogRange(0.01, 1.0)
    ] = 0.1


@register_method("white-box")
class WhiteBox(TunedMethod):
    """Reference: Adam (Kingma & Ba, ICLR 2015) along the true gradient in the same latent. It is no black box.

        m <- beta1 m + (1 - beta1) g;    v <- beta2 v + (1 - beta2) g^2
        z <- z - learning_rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)

    g is the gradient of the batch's mean loss. It has the batches, objectives and budget of the black-box methods, and
    so shows how much a method could still gain in the latent.

    Cost: 1 query a step, the forward pass of one prompt on one batch. The backward pass is free.

    Settings: The decays and epsilon are the paper's. ``learning_rate`` 0.1 is ours.
    """

    Options = WhiteBoxOptions
    options: WhiteBoxOptions
    needs = "gradients"
    use = "as a reference, where gradients are available: it shows how much can still be gained"
    state_attributes = ("mean", "square")
    step_cost = 1

    def __init__(self, options: WhiteBoxOptions, context: Context) -> None:
        """Starts at zero, with zero moments; raises as ``TunedMethod`` does."""
        super().__init__(options, context)
        self.mean: Gradient = np.zeros(options.subspace_dim)
        self.square: Gradient = np.zeros(options.subspace_dim)

    def step(self) -> Step:
        """Asks for the gradient on one batch and steps against it."""
        answers, labels = yield Queries(self.latent[None], self.batch()[None], access="gradients")
        by_class = answers.reshape(*labels.shape, self.context.n_classes, 1 + self.options.subspace_dim)
        scores, in_latent = by_class[..., 0], by_class[..., 1:]
        self.objective.start(scores, labels)

        losses = self.objective.losses(scores, labels)
        slopes = self.objective.slopes(scores, labels)
        # By einsum's own loops, not by BLAS, whose order of summation depends on its number of threads.
        gradient = np.einsum("qbc,qbcd->d", slopes, in_latent.astype(np.float64)) / labels.size
        self._descend(gradient)
        self.objective.update(scores, labels)
        return self.record(float(losses.mean()), 0.0, float(np.linalg.norm(gradient)))

    def _descend(self, gradient: Gradient) -> None:
        self.mean = MEAN_DECAY * self.mean + (1 - MEAN_DECAY) * gradient
        self.square = SQUARE_DECAY * self.square + (1 - SQUARE_DECAY) * gradient**2
        t = self.step_number + 1
        mean, square = self.mean / (1 - MEAN_DECAY**t), self.square / (1 - SQUARE_DECAY**t)
        move = self.options.learning_rate * mean / (np.sqrt(square) + EPSILON)
        self.latent = (self.latent - move).astype(np.float32)
