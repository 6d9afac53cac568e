"""BPT-FZG with ZOSA's ascent against its equations written as loops, and against bpt-fzg."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zostudy.methods import Queries, get_method
from zostudy.methods.bpt_fzg import BptFzg
from zostudy.methods.directions import draw_directions

DIM, BATCH, RADIUS = 6, 4, 0.2


def small(toy: Any, name: str, **given: Any) -> Any:
    context = {"batch_size": BATCH, "budget": 200}
    return toy.method(name, context=context, subspace_dim=DIM, perturbation_radius=RADIUS, **given)


@pytest.mark.parametrize("sharing", ["per_example", "shared"])
@pytest.mark.parametrize("estimator", ["forward", "central"])
def test_bpt_fzg_sam_descends_along_the_estimate_at_the_ascended_point(toy: Any, sharing: Any, estimator: Any) -> None:
    cost = 13 if estimator == "central" else 14
    given = {"estimator": estimator, "direction_sharing": sharing, "queries_per_step": cost}
    method = small(toy, "bpt-fzg-sam", step_rule="plain", learning_rate=0.3, sharpness_radius=0.05, **given)
    rows = method.batch()
    losses = toy.example_losses(method, rows)
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
    assert method.queries_spent == method.step_cost == cost
    assert method.objective.auxiliary != before


def test_bpt_fzg_sam_without_an_ascent_is_bpt_fzg_on_the_second_directions(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ascending = small(toy, "bpt-fzg-sam", sharpness_radius=0.0, queries_per_step=12)
    plain = small(toy, "bpt-fzg", queries_per_step=6)
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
