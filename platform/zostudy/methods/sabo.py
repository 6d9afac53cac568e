"""SABO: sharpness-aware black-box optimisation of a Gaussian in place of a point."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from typing_extensions import Doc

from zostudy.methods.context import Context
from zostudy.methods.estimators import Gradient, spread
from zostudy.methods.option_notes import LogRange
from zostudy.methods.options import ProbingOptions, Reach, Schedule, StepRuleName
from zostudy.methods.probing import SMALLEST_SPREAD, ProbingMethod
from zostudy.methods.queries import Labels, Latents, Losses, Queries, Scores, Step
from zostudy.methods.registry import register_method

Variances = NDArray[np.float64]

LARGEST_CHANGE = 4.0
"""The most by which one move may multiply or divide a variance, so that it stays positive."""


@dataclass(frozen=True, kw_only=True)
class SaboOptions(ProbingOptions):
    """Options of SABO."""

    queries_per_step: Annotated[
        int, Ge(1), Doc("the most queries a step may spend: 2(N + 1), or N + 1 at kl_radius 0")
    ] = 20
    perturbation_radius: Annotated[
        float,
        Gt(0),
        Doc("first standard deviation of each entry of the Gaussian, in embedding spreads"),
        LogRange(0.1, 3),
    ] = 1.0
    direction: Annotated[Literal["gaussian"], Doc("law of the directions; the variances are those of a Gaussian")] = (
        "gaussian"
    )
    kl_radius: Annotated[
        float,
        Ge(0),
        Doc("the ascent goes to a KL divergence of about kl_radius^2 nats; 0: no ascent, which is INGO"),
        LogRange(0.3, 10),
    ] = 3.0
    step_rule: Annotated[
        StepRuleName,
        Doc("how far the mean goes: spread is reach along gradient / spread, plain is learning_rate * gradient"),
    ] = "spread"
    reach: Reach = 1.0
    learning_rate_schedule: Schedule = "linear"  # such steps do not shrink by themselves
    variance_learning_rate: Annotated[
        float,
        Gt(0),
        Doc("step size of the inverse variances, along gradient / spread; with step_rule: plain along the gradient"),
    ] = 0.1


@dataclass(frozen=True)
class NaturalGradients:
    """Natural gradients of a Gaussian's expected loss, in units of its own standard deviations.

    Attributes:
        shift: ``Sigma^(1/2) g_mu``, float64 ``[d]``.
        stretch: ``Sigma g_Sigma``, float64 ``[d]``.
        spread: standard deviation of the losses that they come from.
    """

    shift: Gradient
    stretch: Gradient
    spread: float


@register_method("sabo")
class Sabo(ProbingMethod):
    """Minimises the worst expected loss of the Gaussians around N(mu, Sigma) (Ye et al., ICLR 2025, arXiv 2410.12457).

    Sigma is diagonal, mu the latent. With x_j = mu + Sigma^(1/2) z_j and f_j = F(x_j) - F(mu) on one batch:

        g_mu = 1/N sum_j Sigma^(-1/2) z_j f_j,   g_Sigma = 1/(2N) sum_j Sigma^(-1) (z_j^2 - 1) f_j
        lambda = (1/rho) sqrt(1/2 g_mu' Sigma g_mu + sum_k (Sigma_k g_Sigma,k)^2)
        (mu', Sigma') = (mu + Sigma g_mu / lambda, Sigma + 2 Sigma^2 g_Sigma / lambda)
        g'_mu, g'_Sigma from a second sample at (mu', Sigma')
        mu <- mu - beta Sigma g'_mu,   Sigma^(-1) <- Sigma^(-1) + 2 beta g'_Sigma

    rho is ``kl_radius``: the ascent is the best one within a KL divergence of rho^2, to second order. ``kl_radius: 0``
    leaves out the first sample and is INGO. ``step_rule: plain`` is these lines, with beta as both learning rates.

    Cost: 2(N + 1) queries a step, N + 1 as INGO.

    Settings: The paper's are the diagonal Gaussian (``direction: gaussian``), the KL neighbourhood and the two samples.
    The constants of the formula are derived by us, as we could not read its algorithm. Ours are ``queries_per_step``
    20, so nine points a sample, ``perturbation_radius`` 1 as the first standard deviation, ``kl_radius`` 3,
    ``step_rule: spread``, which divides both gradients by the spread of their losses and scales that of mu, so that
    ``reach`` counts embedding spreads, ``reach`` 1, ``learning_rate_schedule: linear``, ``variance_learning_rate`` 0.1,
    and that a variance changes at most fourfold in a move.
    """

    Options = SaboOptions
    options: SaboOptions
    use = (
        "to study flatness of a distribution; "
        "with defaults below fzoo on two embedded models, and below random-search in mean rank on real text; "
        "above bpt-fzg in 0 of 7 blocks of the record"
    )
    state_attributes = ("variances",)
    least_directions = 2

    def __init__(self, options: SaboOptions, context: Context) -> None:
        """Starts with the same variance for all entries; raises as ``ProbingMethod`` does."""
        super().__init__(options, context)
        self.variances: Variances = np.full(options.subspace_dim, options.perturbation_radius**2)

    @property
    def n_stages(self) -> int:
        """Two samples a step, or one without an ascent."""
        return 2 if self.options.kl_radius > 0 else 1

    def step(self) -> Step:
        """Ascends within the KL ball, samples there on the same batch, and moves mean and variances."""
        mean, variances = self.latent, self.variances
        if self.n_stages == 2:
            scores, labels, losses, gradients = yield from self._sample("ascent", mean, variances)
            shift, change = ascent(gradients, self.options.kl_radius)
            mean = (mean + np.sqrt(variances) * shift).astype(np.float32)
            variances = variances * _bounded(change)
            _, _, _, gradients = yield from self._sample("descent", mean, variances)
        else:
            scores, labels, losses, gradients = yield from self._sample("descent", mean, variances)

        gradient = self.variances / np.sqrt(variances) * gradients.shift
        self._descend(gradient, variances, gradients)
        self.objective.update(scores, labels)
        return self.record(float(losses[-1]), spread(losses[:-1]), float(np.linalg.norm(gradient)))

    def _sample(
        self, stage: str, mean: Latents, variances: Variances
    ) -> Generator[Queries, tuple[Scores, Labels], tuple[Scores, Labels, Losses, NaturalGradients]]:
        """Returns scores and labels at the mean, the losses of sample and mean, and the gradients."""
        noise = self.directions(stage, self.n_directions)
        points = np.concatenate([mean + np.sqrt(variances).astype(np.float32) * noise, mean[None]])
        scores, labels = yield Queries(points, np.tile(self.batch(), (len(points), 1)))
        self.objective.start(scores[-1:], labels[-1:])
        losses = self.objective.losses(scores, labels).mean(axis=1)
        return scores[-1:], labels[-1:], losses, natural_gradients(losses, noise)

    def _descend(self, gradient: Gradient, variances: Variances, gradients: NaturalGradients) -> None:
        rate = self.options.variance_learning_rate
        if self.options.step_rule != "plain":
            if gradients.spread < SMALLEST_SPREAD:
                return
            d, n = self.options.subspace_dim, self.n_directions
            gradient = gradient * math.sqrt(d * n / (d + n - 1)) / (self.options.perturbation_radius * gradients.spread)
            rate = rate / gradients.spread
        self.descend(gradient)
        inverse_change = 1 + 2 * rate * gradients.stretch * self.variances / variances
        self.variances = self.variances / _bounded(inverse_change)


def natural_gradients(losses: Losses, noise: Latents) -> NaturalGradients:
    """Returns the natural gradients from the losses of a sample, then of its mean: float64 ``[N + 1]``.

    Args:
        losses: see above.
        noise: float32 ``[N, d]``, the z_j.
    """
    rise = (losses[:-1] - losses[-1])[:, None]
    wide = noise.astype(np.float64)
    return NaturalGradients((wide * rise).mean(axis=0), ((wide**2 - 1) * rise).mean(axis=0) / 2, spread(losses[:-1]))


def ascent(gradients: NaturalGradients, kl_radius: float) -> tuple[Gradient, Gradient]:
    """Returns the steepest move of a KL divergence of ``kl_radius^2``, to second order; none where losses are flat.

    Returns:
        The shift of the mean in standard deviations, and the factors of the variances, float64 ``[d]`` each.
    """
    size = math.sqrt(0.5 * float((gradients.shift**2).sum()) + float((gradients.stretch**2).sum()))
    share = kl_radius / size if size > 0 else 0.0
    return share * gradients.shift, 1 + 2 * share * gradients.stretch


def _bounded(factors: Gradient) -> Gradient:
    return np.clip(factors, 1 / LARGEST_CHANGE, LARGEST_CHANGE)
