"""Every tuned method descends with its defaults, and stays finite."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from zostudy.errors import NotFiniteError
from zostudy.methods import ImbalanceSettings, get_method, method_names
from zostudy.methods.objectives.base import Objective
from zostudy.methods.options import ObjectiveName

TUNED = [name for name in method_names() if get_method(name).spends_queries]
DESCENDING = [name for name in TUNED if name != "random-search"]
OBJECTIVES = get_args(get_args(ObjectiveName)[0])


@pytest.mark.parametrize("name", DESCENDING)
@pytest.mark.parametrize("ratio", [1, 10])
def test_untuned_defaults_lower_the_loss(toy: Any, name: str, ratio: int) -> None:
    toy = type(toy).make(counts=(20 * ratio, 20), seed=3)
    method = toy.method(name, objective="cross-entropy", context={"budget": 900})
    before = method.objective.losses(*toy.everyone(method.latent)).mean()
    toy.run(method)
    after = method.objective.losses(*toy.everyone(method.latent)).mean()
    assert after < 0.97 * before


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "auc"])  # a minimax problem, see below
def test_each_objective_is_lowered(toy: Any, objective: str) -> None:
    toy = type(toy).make(counts=(200, 20), seed=3)
    method = toy.method("spsa", objective=objective, context={"budget": 900})
    before = method.objective.losses(*toy.everyone(method.latent)).mean()
    toy.run(method)
    assert method.objective.losses(*toy.everyone(method.latent)).mean() < 0.97 * before


@pytest.mark.slow
@pytest.mark.parametrize("name", DESCENDING)
@pytest.mark.parametrize("sampler", ["natural", "stratified"])
def test_auc_objective_raises_the_auc_at_a_heavy_ratio(toy: Any, name: str, sampler: str) -> None:
    from sklearn.metrics import roc_auc_score

    toy = type(toy).make(counts=(500, 10), seed=1)
    context = {"budget": 1200, "imbalance": ImbalanceSettings(sampler=sampler)}  # type: ignore[arg-type]
    method = toy.method(name, objective="auc", context=context)

    def auc() -> float:
        scores, labels = toy.everyone(method.latent)
        return float(roc_auc_score(labels[0], scores[0, :, 1] - scores[0, :, 0]))

    before = auc()
    toy.run(method)
    assert auc() > before + 0.01


class FirstScore(Objective):
    """The first score is the loss."""

    def losses(self, scores: Any, labels: Any) -> Any:
        return scores[..., 0].astype(np.float64)

    def slopes(self, scores: Any, labels: Any) -> Any:
        return np.broadcast_to([1.0, 0.0], scores.shape)


@pytest.mark.parametrize("name", DESCENDING)
def test_converges_on_a_noisy_quadratic(toy: Any, name: str) -> None:
    """Its minimum is 3 embedding spreads away in every entry; noise of the batch is a tenth of the start's loss."""
    method: Any = toy.method(name, context={"budget": 900})
    method.objective = FirstScore()

    def loss(latents: Any) -> Any:
        return np.square(latents.astype(np.float64) - 3.0) @ np.linspace(0.5, 1.5, 20)

    start, noise = loss(method.latent[None])[0], np.random.default_rng(0)
    while not method.finished:
        queries = method.ask()
        of_batch = 0.1 * start * noise.normal(size=queries.rows.shape[1])
        values = loss(queries.latents)[:, None] + of_batch
        scores = np.stack([values, values], axis=-1)
        if queries.access == "gradients":
            slope = 2 * (queries.latents.astype(np.float64) - 3.0) * np.linspace(0.5, 1.5, 20)
            in_latent = np.broadcast_to(slope[:, None, None], (*scores.shape, 20))
            scores = np.concatenate([scores[..., None], in_latent], axis=-1).reshape(*queries.rows.shape, -1)
        method.tell(scores.astype(np.float32), np.zeros_like(queries.rows))
    assert loss(method.latent[None])[0] < 0.5 * start


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_hostile_scores_leave_the_latent_finite(toy: Any, name: str, objective: str, scale: float) -> None:
    """Flat, nearly flat and huge scores: a trial ends with a finite latent, or says which figure is not."""
    shared = {"direction_sharing": "shared"} if objective == "auc-pairwise" and name.startswith("bpt-fzg") else {}
    method = toy.method(name, objective=objective, context={"budget": 60}, **shared)
    noise = np.random.default_rng(0)
    while not method.finished:
        queries = method.ask()
        scores, labels = toy.score(queries)
        try:
            method.tell((scale * noise.normal(size=scores.shape)).astype(np.float32), labels)
        except NotFiniteError:
            assert scale == 1e30
            return
    assert np.isfinite(method.latent).all()
    assert scale != 0 or name.startswith("cma-es") or objective.startswith("auc") or not method.latent.any()
