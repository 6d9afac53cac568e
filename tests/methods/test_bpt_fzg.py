"""BPT-FZG's queries, its estimate, and the order and scale of its steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.methods import Queries
from zostudy.methods.bpt_fzg import BptFzg, BptFzgOptions


def test_bpt_fzg_asks_one_base_query_and_a_direction_for_each_example(toy: Any) -> None:
    method = BptFzg(BptFzgOptions(subspace_dim=20, queries_per_step=5, estimator="central"), toy.context())
    queries = method.ask()
    assert queries.cost(16) == method.step_cost == 5
    assert queries.group == 2
    assert queries.rows.shape == (5 * 16, 1)
    assert len(np.unique(queries.latents, axis=0)) == 4 * 16 + 1
    np.testing.assert_array_equal(queries.rows[0::2][:16], queries.rows[1::2][:16])


def test_bpt_fzg_update_orders_differ_only_in_the_auxiliaries_that_z_sees(toy: Any) -> None:
    def first_step(order: Any) -> BptFzg:
        given = BptFzgOptions(subspace_dim=20, update_order=order, auxiliary_start="zero")
        method = BptFzg(given, toy.context())
        toy.run_step(method)
        return method

    jacobi, alternating = first_step("jacobi"), first_step("alternating")
    assert jacobi.objective.auxiliary == alternating.objective.auxiliary
    assert jacobi.objective.auxiliary["alpha"] > 0
    assert not np.array_equal(jacobi.latent, alternating.latent)


@pytest.mark.parametrize("sharing", ["shared", "per_example"])
def test_bpt_fzg_estimate_is_unbiased_for_the_saddle_functions_gradient(toy: Any, sharing: Any) -> None:
    """Many repeats approach the numerical gradient of the batch's mean F at frozen a, b, alpha."""
    given = BptFzgOptions(
        subspace_dim=20,
        direction_sharing=sharing,
        queries_per_step=4001,
        perturbation_radius=1e-2,
        step_rule="plain",
        learning_rate=1.0,
        estimator="central",
    )
    method: Any = BptFzg(given, toy.context(budget=4001))
    rows = method.batch()

    def mean_loss(latent: NDArray[np.float64]) -> float:
        scores, labels = toy.score(Queries(latent[None].astype(np.float32), rows[None]))
        return float(method.objective.losses(scores, labels).mean())

    method.objective.start(*toy.score(Queries(method.latent[None], rows[None])))
    axes = 0.02 * np.eye(20)
    gradient = np.array([(mean_loss(axis) - mean_loss(-axis)) / 0.04 for axis in axes])
    toy.run_step(method)
    error = np.linalg.norm(-method.latent - gradient) / np.linalg.norm(gradient)
    assert error < 0.25  # noise is about sqrt(d / repeats) = 0.1; a lost factor 2 would be 0.5


def test_auc_versions_step_alike_when_rates_are_rescaled(toy: Any) -> None:
    """v1 with rates divided by p(1-p) is v2."""
    scale = 0.25 * 0.75
    v2 = BptFzg(BptFzgOptions(subspace_dim=20, step_rule="plain", learning_rate=0.2), toy.context())
    v1 = BptFzg(
        BptFzgOptions(
            subspace_dim=20,
            step_rule="plain",
            learning_rate=0.2 / scale,
            auxiliary_learning_rate=0.1 / scale,
            auc_version="v1",
        ),
        toy.context(),
    )
    for _ in range(5):
        toy.run_step(v1)
        toy.run_step(v2)
    np.testing.assert_allclose(v1.latent, v2.latent, rtol=1e-3, atol=1e-5)
    assert v1.objective.auxiliary == pytest.approx(v2.objective.auxiliary, rel=1e-4)
