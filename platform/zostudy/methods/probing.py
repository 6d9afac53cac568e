"""Base classes of the tuned methods: batches, an objective, directions, a learning rate, and step records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from zostudy.errors import SpecError
from zostudy.methods.base import Method
from zostudy.methods.batches import make_sampler
from zostudy.methods.context import Context
from zostudy.methods.directions import draw_directions
from zostudy.methods.estimators import Gradient, Stencil, spread
from zostudy.methods.objectives import make_objective
from zostudy.methods.options import ObjectiveOptions, ProbingOptions
from zostudy.methods.queries import Labels, Latents, Losses, Rows, Scores, Step, StepRecord
from zostudy.methods.state import State, part_of, with_prefix
from zostudy.methods.step_rules import make_step_rule

# Losses are means of float32 scores: a spread below this is their rounding, not the shape of the loss.
SMALLEST_SPREAD = 1e-8

_OBJECTIVE = "objective."
_STEP_RULE = "step_rule."


class TunedMethod(Method):
    """A method that minimises an objective on batches of the training draw."""

    options: ObjectiveOptions

    def __init__(self, options: ObjectiveOptions, context: Context) -> None:
        """Makes the sampler and the objective; raises as ``Method`` and the sampler do."""
        self.sampler = make_sampler(context)
        self.objective = make_objective(options, context, self.sampler.class_shares)
        super().__init__(options, context)

    def batch(self) -> Rows:
        """Returns this step's rows, int32 ``[batch_size]``: the same for every method of the same seed."""
        return self.sampler.batch(self.step_number)

    def record(self, loss: float, loss_spread: float, gradient_norm: float = 0.0) -> StepRecord:
        """Returns the record of the step that has just moved the latent."""
        latent_norm = float(np.linalg.norm(self.latent))
        return StepRecord(loss, loss_spread, gradient_norm, latent_norm, self.objective.auxiliary)

    def state(self) -> State:
        """Returns the declared state and the objective's scalars."""
        return super().state() | with_prefix(_OBJECTIVE, self.objective.state())

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state`` returned."""
        super().load_state(state)
        self.objective.load_state(part_of(state, _OBJECTIVE))


class ProbingMethod(TunedMethod):
    """A tuned method that steps against a gradient estimated from probes around the latent.

    The pieces of its step are properties and methods that a subclass may replace: which points are probed, how the
    estimate is scaled, and how the latent descends along it.
    """

    options: ProbingOptions

    def __init__(self, options: ProbingOptions, context: Context) -> None:
        """Makes the step rule; raises as ``TunedMethod`` does."""
        super().__init__(options, context)
        self.step_rule = make_step_rule(options)

    @property
    def central(self) -> bool:
        """True if a direction is probed by a +/- pair; else by one probe."""
        return False

    @property
    def base(self) -> bool:
        """True if the point itself is probed too: for forward differences, and for the objective's own scalars."""
        return not self.central or self.objective.has_auxiliaries

    @property
    def per_example(self) -> bool:
        """True if each example of the batch has a direction of its own."""
        return False

    @property
    def scalars_first(self) -> bool:
        """True if the objective's own scalars step before the latent's losses are taken."""
        return False

    @property
    def spread_ddof(self) -> int:
        """The spread of m losses divides by m minus this."""
        return 1

    @property
    def n_stages(self) -> int:
        """How often a step probes, each time around another point."""
        return 1

    @property
    def least_directions(self) -> int:
        """The fewest directions of a stage that the method works with."""
        return 1

    @property
    def n_bases(self) -> int:
        """The queries of a step at the points themselves."""
        return self.n_stages * int(self.base)

    @property
    def n_directions(self) -> int:
        """The directions of a stage; with ``per_example``, of each example."""
        return self.count_directions(each=self.n_stages * (1 + int(self.central)), fixed=self.n_bases)

    @property
    def step_cost(self) -> int:
        """The probes of all directions in all stages, and the base queries."""
        return self.n_stages * (1 + int(self.central)) * self.n_directions + self.n_bases

    def step(self) -> Step:
        """Estimates the gradient on one batch and descends along it."""
        stencil = self.stencil("probe")
        scores, labels = yield stencil.queries
        losses = self.losses_at_latent(stencil, scores, labels)
        gradient = stencil.gradient(losses)
        self.descend(self.scaled(gradient, stencil, losses))
        self.update_scalars(stencil, scores, labels)
        return self.probed(stencil, losses, gradient)

    def directions(self, stage: str, count: int) -> Latents:
        """Returns float32 ``[count, d]`` directions of this step; other stages see independent ones."""
        dim = self.options.subspace_dim
        return draw_directions(self.options.direction, self.context.seed, self.step_number, stage, count, dim)

    def schedule(self) -> float:
        """Returns the factor of this step's length by the learning rate's schedule."""
        done = self.step_number * self.step_cost / self.context.step_budget
        share = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}
        return share[self.options.learning_rate_schedule]

    def stencil(self, stage: str, point: Latents | None = None) -> Stencil:
        """Returns the points to probe on this step's batch, around the latent or another point."""
        centre = self.latent if point is None else point
        count = self.n_directions * (self.context.batch_size if self.per_example else 1)
        kinds = {"central": self.central, "base": self.base, "per_example": self.per_example}
        radius = self.options.perturbation_radius
        return Stencil(centre, self.directions(stage, count), radius, self.batch(), **kinds)

    def losses_at_latent(self, stencil: Stencil, scores: Scores, labels: Labels) -> Losses:
        """Returns the losses ``[q, b]`` of a stencil around the latent, where the objective's own scalars start."""
        self.objective.start(stencil.at_base(scores), stencil.at_base(labels))
        if self.scalars_first:
            self.objective.update(stencil.at_base(scores), stencil.at_base(labels))
        return self.objective.losses(scores, labels)

    def update_scalars(self, stencil: Stencil, scores: Scores, labels: Labels) -> None:
        """Steps the objective's own scalars at the end of a step, from the scores at the latent before it."""
        if not self.scalars_first:
            self.objective.update(stencil.at_base(scores), stencil.at_base(labels))

    def scaled(self, gradient: Gradient, stencil: Stencil, losses: Losses) -> Gradient:
        """Returns the vector for the step rule: here the estimated gradient as it is."""
        return gradient

    def per_spread(self, gradient: Gradient, stencil: Stencil, losses: Losses) -> Gradient:
        """Returns ``gradient / spread`` of a stencil's losses, float64 ``[d]``; zeros where the losses are flat.

        The step rule ``plain`` leaves it as it is. For the others it is scaled to a length of about sqrt(d).
        """
        loss_spread = stencil.spread(losses, self.spread_ddof)
        if loss_spread < SMALLEST_SPREAD:
            return np.zeros_like(gradient)
        if self.options.step_rule == "plain":
            return gradient / loss_spread
        d, m = self.options.subspace_dim, len(stencil.directions)
        return gradient * (self.options.perturbation_radius / loss_spread * math.sqrt(d * m / (d + m - 1)))

    def probed(self, stencil: Stencil, losses: Losses, gradient: Gradient) -> StepRecord:
        """Returns the record of a step with a single stencil."""
        probes = stencil.probe_losses(losses)
        loss = stencil.at_base(losses).mean() if stencil.base else probes.mean()
        return self.record(float(loss), spread(probes), float(np.linalg.norm(gradient)))

    def descend(self, gradient: Gradient) -> None:
        """Moves the latent against the gradient, as far as the schedule lets it."""
        self.latent = (self.latent - self.schedule() * self.move(gradient)).astype(np.float32)

    def move(self, gradient: Gradient) -> Gradient:
        """Returns the step rule's move, to be subtracted from the latent once the schedule has scaled it."""
        return self.step_rule.move(gradient, self.latent)

    def state(self) -> State:
        """Returns the state of a tuned method, and what the step rule remembers."""
        return super().state() | with_prefix(_STEP_RULE, self.step_rule.state())

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state`` returned."""
        super().load_state(state)
        self.step_rule.load_state(part_of(state, _STEP_RULE))

    def count_directions(self, *, each: int, fixed: int) -> int:
        """Returns how many directions fit in ``queries_per_step``.

        Args:
            each: queries that one direction costs.
            fixed: queries of the step that belong to no direction.

        Raises:
            SpecError: fewer fit than the method needs.
        """
        at_least = self.least_directions
        count = (self.options.queries_per_step - fixed) // each
        if count < at_least:
            least = fixed + each * at_least
            raise SpecError(
                f"must be at least {least} with these options ({at_least} x {each} for directions, {fixed} fixed)",
                got=f"got {self.options.queries_per_step}",
                remedy="raise it",
                about=f"queries_per_step of {self.name}",
            )
        return count
