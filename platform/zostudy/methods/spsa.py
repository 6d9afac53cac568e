"""SPSA, known for language models as MeZO, on the latent of the prompt."""

from __future__ import annotations

from dataclasses import dataclass

from zostudy.methods.options import Estimator, GradientStepRule, ProbingOptions
from zostudy.methods.probing import ProbingMethod
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
    use = "as the plain form, against which every other step is judged"

    @property
    def central(self) -> bool:
        """By the option ``estimator``."""
        return self.options.estimator == "central"
