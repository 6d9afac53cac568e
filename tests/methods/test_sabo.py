"""SABO's gradients and ascent against closed forms, and its step against its lines written as loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zostudy.methods import Queries
from zostudy.methods.directions import draw_directions
from zostudy.methods.fzoo import Fzoo
from zostudy.methods.sabo import NaturalGradients, Sabo, ascent, natural_gradients

DIM, N, RADIUS = 6, 5, 0.4
Vector = NDArray[np.float64]


def test_the_gradients_are_those_of_the_expected_loss() -> None:
    """Of F(x) = sum a x^2 / 2 + b x: dE/dmu = a mu + b, dE/dSigma = a / 2."""
    noise = np.random.default_rng(0)
    a, b, mean, variances = noise.normal(size=3), noise.normal(size=3), noise.normal(size=3), np.array([0.5, 1.0, 2.0])
    z = noise.normal(size=(200_000, 3)).astype(np.float32)
    points = np.vstack([mean + np.sqrt(variances) * z, mean])
    gradients = natural_gradients((a * points**2 / 2 + b * points).sum(axis=1), z)
    np.testing.assert_allclose(gradients.shift / np.sqrt(variances), a * mean + b, atol=0.05)
    np.testing.assert_allclose(gradients.stretch / variances, a / 2, atol=0.05)


@given(st.integers(0, 1000))
def test_the_ascent_has_the_kl_divergence_of_its_radius_and_is_the_steepest(seed: int) -> None:
    noise = np.random.default_rng(seed)
    gradients = NaturalGradients(noise.normal(size=DIM), noise.normal(size=DIM), 1.0)
    variances, radius = noise.uniform(0.5, 2, DIM), 1e-3
    shift, factors = ascent(gradients, radius)
    here = torch.distributions.Normal(torch.zeros(DIM).double(), torch.from_numpy(np.sqrt(variances)))
    there = torch.distributions.Normal(
        torch.from_numpy(np.sqrt(variances) * shift), torch.from_numpy(np.sqrt(variances * factors))
    )
    assert float(torch.distributions.kl_divergence(there, here).sum()) == pytest.approx(radius**2, rel=0.02)
    gain = gradients.shift @ shift + gradients.stretch @ (factors - 1)
    for _ in range(20):
        other = noise.normal(size=2 * DIM)  # in shift and relative variance, scaled to the same divergence
        other *= radius / np.sqrt((other[:DIM] ** 2).sum() / 2 + (other[DIM:] ** 2).sum() / 4)
        assert np.concatenate([gradients.shift, gradients.stretch]) @ other < gain


def by_hand(losses: Any, mean: Vector, sigma: Vector, rho: float, beta: float) -> tuple[Vector, Vector]:
    """One step as in the docstring, with whole covariance matrices."""

    def gradients(stage: str, centre: Vector, covariance: Vector) -> tuple[Vector, Vector]:
        root = np.linalg.cholesky(covariance)
        g_mean, g_sigma = np.zeros(DIM), np.zeros((DIM, DIM))
        for z in draw_directions("gaussian", 0, 0, stage, N, DIM).astype(np.float64):
            f = losses(centre + root @ z) - losses(centre)
            g_mean += np.linalg.inv(root) @ z * f / N
            g_sigma += np.diag(np.diag(np.linalg.inv(covariance) @ (np.outer(z, z) - np.eye(DIM)))) * f / (2 * N)
        return g_mean, g_sigma

    if rho == 0:
        above, covariance = mean, sigma
    else:
        g_mean, g_sigma = gradients("ascent", mean, sigma)
        multiplier = np.sqrt(g_mean @ sigma @ g_mean / 2 + (np.diag(sigma @ g_sigma) ** 2).sum()) / rho
        above, covariance = mean + sigma @ g_mean / multiplier, sigma + 2 * sigma @ g_sigma @ sigma / multiplier
    g_mean, g_sigma = gradients("descent", above, covariance)
    moved: Any = np.linalg.inv(np.linalg.inv(sigma) + 2 * beta * g_sigma)
    return mean - beta * sigma @ g_mean, moved


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_a_plain_step_equals_its_definition(toy: Any, rho: float) -> None:
    rates = {"learning_rate": 0.4, "variance_learning_rate": 0.4, "learning_rate_schedule": "constant"}
    given = {"subspace_dim": DIM, "perturbation_radius": RADIUS, "step_rule": "plain", "kl_radius": rho} | rates
    method: Any = toy.method("sabo", queries_per_step=2 * (N + 1) if rho else N + 1, **given)
    rows = method.batch()

    def losses(latent: Vector) -> float:
        scores, labels = toy.score(Queries(latent[None].astype(np.float32), rows[None]))
        return float(method.objective.losses(scores, labels).mean())

    mean, sigma = by_hand(losses, np.zeros(DIM), RADIUS**2 * np.eye(DIM), rho, 0.4)
    toy.run_step(method)
    np.testing.assert_allclose(method.latent, mean, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(method.variances, np.diag(sigma), rtol=1e-4)
    assert method.queries_spent == method.step_cost == (12 if rho else 6)


def test_ingo_with_variances_at_rest_is_fzoo_along_gaussian_directions(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"queries_per_step": 6, "perturbation_radius": RADIUS}
    ingo = toy.method("sabo", kl_radius=0.0, variance_learning_rate=1e-300, **given)
    fzoo = toy.method("fzoo", direction="gaussian", **given)
    own = Sabo.directions
    monkeypatch.setattr(Fzoo, "directions", lambda self, stage, count: own(self, "descent", count))
    for _ in range(4):
        toy.run_step(ingo)
        toy.run_step(fzoo)
        np.testing.assert_allclose(ingo.latent, fzoo.latent, rtol=1e-3, atol=1e-4)


def test_variances_shrink_along_curved_directions_and_stay_within_fourfold(toy: Any) -> None:
    method: Any = toy.method(
        "sabo", subspace_dim=2, queries_per_step=60, kl_radius=0.0, reach=0.1, context={"budget": 3000}
    )
    while not method.finished:
        queries, before = method.ask(), method.variances
        curved = (queries.latents.astype(np.float64) ** 2) @ np.array([1.0, 0.0])
        scores = np.repeat(np.stack([-curved, curved], axis=-1)[:, None], queries.rows.shape[1], axis=1)
        method.tell(scores.astype(np.float32), np.zeros_like(queries.rows))
        assert (method.variances / before <= 4).all()
        assert (before / method.variances <= 4).all()
    assert method.variances[0] < 0.5 * method.variances[1]
