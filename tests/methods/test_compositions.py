"""Methods that are composed of others' pieces, against their equations written as loops."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.methods import Context, Queries, get_method
from zostudy.methods.bpt_fzg import BptFzg
from zostudy.methods.directions import draw_directions

DIM, BATCH, RADIUS = 6, 4, 0.2


def make(toy: Any, name: str, **given: Any) -> Any:
    kind: Any = get_method(name)
    return kind(
        kind.Options(**{"subspace_dim": DIM, **({} if name == "cma-es" else {"perturbation_radius": RADIUS})} | given),
        small(toy),
    )


def small(toy: Any, budget: int = 200) -> Context:
    context: Context = toy.context(batch_size=BATCH, budget=budget)
    return context


def example_losses(toy: Any, method: Any, rows: NDArray[np.int32]) -> Any:
    """Returns the loss of each example of the batch as a function of the latent."""

    def losses(latent: NDArray[np.float64]) -> NDArray[np.float64]:
        scores, labels = toy.score(Queries(latent[None].astype(np.float32), rows[None]))
        values: NDArray[np.float64] = method.objective.losses(scores, labels)[0]
        return values

    return losses


@pytest.mark.parametrize("sharing", ["per_example", "shared"])
@pytest.mark.parametrize("estimator", ["forward", "central"])
def test_bpt_fzg_sam_descends_along_the_estimate_at_the_ascended_point(toy: Any, sharing: Any, estimator: Any) -> None:
    given = {"estimator": estimator, "direction_sharing": sharing, "queries_per_step": 14}
    method = make(toy, "bpt-fzg-sam", step_rule="plain", learning_rate=0.3, sharpness_radius=0.05, **given)
    rows = method.batch()
    losses = example_losses(toy, method, rows)
    method.objective.start(*toy.score(Queries(method.latent[None], rows[None])))
    repeats = 3 if estimator == "central" else 6
    count = repeats * (BATCH if sharing == "per_example" else 1)

    def estimate(point: NDArray[np.float64], stage: str) -> tuple[NDArray[np.float64], float]:
        changes, directions = [], draw_directions("gaussian", 0, 0, stage, count, DIM).astype(np.float64)
        for number, u in enumerate(directions):
            below = losses(point - RADIUS * u) if estimator == "central" else losses(point)
            change = (losses(point + RADIUS * u) - below) / (2 if estimator == "central" else 1)
            changes.append(change[number % BATCH] if sharing == "per_example" else change.mean())
        gradient = np.mean([change / RADIUS * u for change, u in zip(changes, directions, strict=True)], axis=0)
        return gradient, float(np.std(changes, ddof=1))

    ascent, sigma = estimate(np.zeros(DIM), "probe")
    descent, _ = estimate(0.05 * ascent / sigma, "second probe")
    before = method.objective.auxiliary
    toy.run_step(method)
    np.testing.assert_allclose(method.latent, -0.3 * descent, rtol=1e-3, atol=1e-5)
    assert method.queries_spent == method.step_cost == 14
    assert method.objective.auxiliary != before


def test_bpt_fzg_sam_without_an_ascent_is_bpt_fzg_on_the_second_directions(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ascending = make(toy, "bpt-fzg-sam", sharpness_radius=0.0, queries_per_step=12)
    plain = make(toy, "bpt-fzg", queries_per_step=6)
    own = BptFzg.directions
    monkeypatch.setattr(type(plain), "directions", lambda self, stage, count: own(self, "second probe", count))
    for _ in range(3):
        toy.run_step(ascending)
        toy.run_step(plain)
    np.testing.assert_array_equal(ascending.latent, plain.latent)
    assert ascending.queries_spent == 2 * plain.queries_spent


def test_the_ascent_is_as_long_as_its_radius_when_examples_agree(toy: Any) -> None:
    """Of a linear loss that all examples share: about sharpness_radius * sqrt(d), whatever the loss's scale."""
    slope = np.random.default_rng(0).normal(size=DIM)
    lengths = []
    for seed in range(60):
        kind: Any = get_method("bpt-fzg-sam")
        context = toy.context(seed=seed, batch_size=BATCH, budget=60)
        method = kind(kind.Options(subspace_dim=DIM, sharpness_radius=0.7), context)
        method.objective = get_method("spsa")(get_method("spsa").Options(subspace_dim=DIM), context).objective  # type: ignore[attr-defined]
        queries = method.ask()
        margin = 1e-3 * queries.latents.astype(np.float64) @ slope
        scores = np.repeat(np.stack([margin, -margin], axis=-1)[:, None], queries.rows.shape[1], axis=1)
        method.tell(scores, np.ones(queries.rows.shape, dtype=np.int32))
        lengths.append(np.linalg.norm(method.ask().latents[-1]) / np.sqrt(DIM))
    assert np.median(lengths) == pytest.approx(0.7, rel=0.15)


def test_zosa_auc_is_zosa_on_the_auc_objective(toy: Any) -> None:
    preset, spelled = make(toy, "zosa-auc"), make(toy, "zosa", objective="auc")
    assert toy.run(preset) == toy.run(spelled)
    np.testing.assert_array_equal(preset.latent, spelled.latent)
    assert preset.objective.auxiliary["alpha"] > 0


@pytest.mark.parametrize(("name", "rule"), [("zo-adamm", "amsgrad"), ("r-adazo", "r-adazo")])
def test_the_adaptive_methods_are_spsa_with_a_step_rule(toy: Any, name: str, rule: str) -> None:
    own = {"reach": 0.3, "direction": "sphere"} if name == "r-adazo" else {"reach": 1.0}
    spelled = {"step_rule": rule, "learning_rate_schedule": "linear"} | own
    preset, spsa = make(toy, name), make(toy, "spsa", **spelled)
    assert toy.run(preset) == toy.run(spsa)
    np.testing.assert_array_equal(preset.latent, spsa.latent)


def test_without_momentum_and_clipping_it_is_spsa(toy: Any) -> None:
    bare = make(toy, "mezo-momentum", momentum=0.0, gradient_clip=1e300)
    spsa = make(toy, "spsa", queries_per_step=3, direction="gaussian", reach=1.0)
    assert toy.run(bare) == toy.run(spsa)


def test_momentum_steps_equal_zots_lines(toy: Any) -> None:
    """As ZOT has them: a clipped difference along one direction, its corrected mean, a rate along a cosine."""
    given = {"step_rule": "plain", "learning_rate": 0.1, "learning_rate_schedule": "cosine", "gradient_clip": 0.05}
    method = make(toy, "mezo-momentum", queries_per_step=2, **given)
    latent, velocity, clipped_steps = np.zeros(DIM), np.zeros(DIM), 0
    for number in range(12):
        losses = example_losses(toy, method, method.batch())
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


def test_the_warm_up_is_cma_es_and_the_rest_is_spsa_from_its_mean(toy: Any) -> None:
    warmed = make(toy, "cma-es-spsa", queries_per_step=8)
    cma_es = make(toy, "cma-es", queries_per_step=8)
    for _ in range(12):  # of 25 steps
        assert toy.run_step(warmed) == toy.run_step(cma_es)
        np.testing.assert_array_equal(warmed.latent, cma_es.latent)
    spsa = make(toy, "spsa", queries_per_step=8, reach=1.0)
    spsa.latent, spsa.step_number, spsa.queries_spent = cma_es.latent.copy(), 12, 96
    while not warmed.finished:
        assert toy.run_step(warmed) == toy.run_step(spsa)
    np.testing.assert_array_equal(warmed.latent, spsa.latent)


def test_both_parts_of_the_warm_up_step_the_same_scalars(toy: Any) -> None:
    warmed = make(toy, "cma-es-spsa", objective="auc", warm_up=0.3, queries_per_step=10)
    seen = [record.auxiliary for record in toy.run(warmed)]
    assert warmed.step_cost == 9
    assert warmed.cma_es.objective is warmed.objective
    assert all(new != old for old, new in pairwise(seen))
