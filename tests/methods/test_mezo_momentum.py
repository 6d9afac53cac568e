"""MeZO with momentum against ZOT's lines, and against spsa."""

from __future__ import annotations

from typing import Any

import numpy as np

from zostudy.methods.directions import draw_directions

DIM, RADIUS = 6, 0.2


def test_without_momentum_and_clipping_it_is_spsa(toy: Any) -> None:
    bare = toy.method("mezo-momentum", momentum=0.0, gradient_clip=1e300)
    spsa = toy.method("spsa", queries_per_step=3, direction="gaussian", reach=1.0)
    assert toy.run(bare) == toy.run(spsa)


def test_momentum_steps_equal_zots_lines(toy: Any) -> None:
    """As ZOT has them: a clipped difference along one direction, its corrected mean, a rate along a cosine."""
    given: dict[str, Any] = {
        "step_rule": "plain",
        "learning_rate": 0.1,
        "learning_rate_schedule": "cosine",
        "gradient_clip": 0.05,
    }
    given |= {"subspace_dim": DIM, "perturbation_radius": RADIUS, "queries_per_step": 2}
    method = toy.method("mezo-momentum", context={"batch_size": 4, "budget": 200}, **given)
    latent, velocity, clipped_steps = np.zeros(DIM), np.zeros(DIM), 0
    for number in range(12):
        losses = toy.example_losses(method, method.batch())
        u = draw_directions("gaussian", 0, number, "probe", 1, DIM)[0].astype(np.float64)
        gradient = (losses(latent + RADIUS * u).mean() - losses(latent - RADIUS * u).mean()) / (2 * RADIUS) * u
        if np.linalg.norm(gradient) > 0.05:
            gradient, clipped_steps = gradient * 0.05 / np.linalg.norm(gradient), clipped_steps + 1
        velocity = 0.96 * velocity + 0.04 * gradient
        rate = 0.1 * (1 + np.cos(np.pi * 2 * number / 200)) / 2
        latent = latent - rate * velocity / (1 - 0.96 ** (number + 1))
        toy.run_step(method)
        np.testing.assert_allclose(method.latent, latent, rtol=2e-3, atol=1e-6)
    assert 0 < clipped_steps < 12
