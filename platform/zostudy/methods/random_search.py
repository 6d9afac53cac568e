"""Random search: the best of many prompts drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from typing_extensions import Doc

from zostudy.methods.directions import draw_directions
from zostudy.methods.estimators import spread
from zostudy.methods.option_notes import LogRange
from zostudy.methods.options import ObjectiveOptions
from zostudy.methods.probing import TunedMethod
from zostudy.methods.queries import Queries, Step
from zostudy.methods.registry import register_method


@dataclass(frozen=True, kw_only=True)
class RandomSearchOptions(ObjectiveOptions):
    """Options of random search."""

    queries_per_step: Annotated[
        int, Ge(2), Doc("queries of a step: the incumbent and its challengers, all on the step's batch")
    ] = 10
    reach: Annotated[
        float,
        Gt(0),
        Doc("standard deviation of each entry of a challenger, in embedding spreads around the start tokens"),
        LogRange(0.3, 10),
    ] = 3.0


@register_method("random-search")
class RandomSearch(TunedMethod):
    """Keeps the prompt with the least loss among the incumbent and fresh random challengers, step by step.

        x_0 = z,  x_k = reach * u_k with u_k ~ N(0, I), k = 1..K;   z <- the x_k with the least L(x_k) on the batch

    The incumbent x_0 is evaluated again on each new batch, so that one lucky batch cannot keep it for ever. It follows
    no paper: challengers are drawn around the start tokens, not around the incumbent, and learn nothing from losses.

    Cost: ``queries_per_step`` queries a step, K + 1.

    Settings: All are ours: ``queries_per_step`` 10, so nine challengers, and ``reach`` 3.
    """

    Options = RandomSearchOptions
    options: RandomSearchOptions
    use = "always: the baseline that every gradient estimate has to beat; above bpt-fzg in 0 of 29 blocks of the record"

    @property
    def step_cost(self) -> int:
        """One query for each contestant."""
        return self.options.queries_per_step

    def step(self) -> Step:
        """Evaluates all contestants on one batch; the one with the least loss becomes the latent."""
        dim, challengers = self.options.subspace_dim, self.step_cost - 1
        normal = draw_directions("gaussian", self.context.seed, self.step_number, "challengers", challengers, dim)
        contestants = np.concatenate([self.latent[None], np.float32(self.options.reach) * normal])
        scores, labels = yield Queries(contestants, np.tile(self.batch(), (len(contestants), 1)))
        self.objective.start(scores[:1], labels[:1])

        losses = self.objective.losses(scores, labels).mean(axis=1)
        self.latent = contestants[np.argmin(losses)].copy()
        self.objective.update(scores[:1], labels[:1])
        return self.record(float(losses[0]), spread(losses[1:]))
