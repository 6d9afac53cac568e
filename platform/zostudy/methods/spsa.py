"""SPSA, known for language models as MeZO, on the latent of the prompt."""

from __future__ import annotations

from dataclasses import dataclass

from zostudy.methods.options import Estimator, GradientStepRule, ProbingOptions
from zostudy.methods.probing import ProbingMethod
from zostudy.methods.queries import Step
from zostudy.methods.registry import register_method


@dataclass(frozen=True, kw_only=True)
class SpsaOptions(ProbingOptions):
    """Options of SPSA."""

    estimator: Estimator = "central"
    step_rule: GradientStepRule = "adagrad-norm"


@register_method("spsa")
class Spsa(ProbingMethod):
    """Simultaneous perturbation (Spall, IEEE TAC 1992), n-SPSA in MeZO (Malladi et al., NeurIPS 2023).

        g = 1/m sum_i (L(z + radius u_i) - L(z - radius u_i)) / (2 radius) * u_i
        z <- z - learning_rate * g

    ``step_rule: plain`` is the last line, whose good learning rate depends on the model and the scale of the loss.
    A step costs 2m queries (``central``) or m + 1 (``forward``). The AUC objective steps its scalars at the
    unperturbed latent, which costs ``central`` one query more.
    """

    Options = SpsaOptions
    options: SpsaOptions

    @property
    def step_cost(self) -> int:
        """The probes of all directions, and the base query where there is one."""
        return self._sides * self._n_directions + int(self._base)

    def step(self) -> Step:
        """Estimates the gradient on one batch and descends along it."""
        stencil = self.stencil(self.directions("probe", self._n_directions), central=self._sides == 2, base=self._base)
        scores, labels = yield stencil.queries
        self.objective.start(stencil.at_base(scores), stencil.at_base(labels))

        losses = self.objective.losses(scores, labels)
        gradient = stencil.gradient(losses)
        self.descend(gradient)
        self.objective.update(stencil.at_base(scores), stencil.at_base(labels))
        return self.probed(stencil, losses, gradient)

    @property
    def _sides(self) -> int:
        return 2 if self.options.estimator == "central" else 1

    @property
    def _base(self) -> bool:
        return self.options.estimator == "forward" or self.objective.has_auxiliaries

    @property
    def _n_directions(self) -> int:
        return self.count_directions(each=self._sides, fixed=int(self._base))
