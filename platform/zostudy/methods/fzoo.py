"""FZOO: one-sided Rademacher probes with the step divided by the spread of their losses."""

from __future__ import annotations

from zostudy.methods.estimators import spread
from zostudy.methods.normalised import NormalisedMethod, NormalisedOptions
from zostudy.methods.queries import Step
from zostudy.methods.registry import register_method


@register_method("fzoo")
class Fzoo(NormalisedMethod):
    """Normalised zeroth-order descent (FZOO, ICLR 2026, arXiv 2506.09034).

        g = 1/(radius m) sum_i (l_i - l_0) u_i,   sigma^2 = 1/(m-1) sum_i (l_i - mean l)^2
        z <- z - learning_rate * g / sigma

    ``step_rule: plain`` is these lines; the released code has a factor ``radius`` more in the last. By default the
    step is scaled to a length of about ``reach * sqrt(d)``, and falls linearly. A step costs m + 1 queries.
    """

    Options = NormalisedOptions

    @property
    def step_cost(self) -> int:
        """The base query and one probe for each direction."""
        return 1 + self._n_directions

    def step(self) -> Step:
        """Probes around the latent, then moves it."""
        stencil = self.stencil(self.directions("probe", self._n_directions), central=False, base=True)
        scores, labels = yield stencil.queries
        self.objective.start(stencil.at_base(scores), stencil.at_base(labels))

        losses = self.objective.losses(scores, labels)
        gradient = stencil.gradient(losses)
        sigma = spread(stencil.probe_losses(losses), self.options.spread_ddof)
        self.descend(self.per_spread(gradient, sigma, self._n_directions))
        self.objective.update(stencil.at_base(scores), stencil.at_base(labels))
        return self.probed(stencil, losses, gradient)

    @property
    def _n_directions(self) -> int:
        return self.count_directions(each=1, fixed=1, at_least=2)
