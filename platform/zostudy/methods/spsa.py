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

    Cost: 2m queries a step (``central``), or m + 1 (``forward``). The AUC objective steps its scalars at the
    unperturbed latent, which costs ``central`` one query more.

    Settings: The papers' are the pairs (``estimator: central``) and the mean over m of them. MeZO has one pair a step,
    Gaussian directions and a constant learning rate. Ours are ``queries_per_step`` 10, so five pairs, ``direction:
    rademacher``, ``perturbation_radius`` 0.1, ``step_rule: adagrad-norm`` with ``reach`` 3, and
    ``learning_rate_schedule: constant``, as that rule shortens its steps by itself.
    """

    Options = SpsaOptions
    options: SpsaOptions
    use = "as the plain form, against which every other step is judged; above bpt-fzg in 0 of 29 blocks of the record"

    @property
    def central(self) -> bool:
        """By the option ``estimator``."""
        return self.options.estimator == "central"
