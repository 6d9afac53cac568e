"""References against independent ones: Adam of torch along autograd's gradient, and scikit-learn's own probe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from torch.nn import functional

from zostudy.methods import Queries
from zostudy.methods.linear_probe import STRENGTHS, LinearProbe, fit
from zostudy.methods.no_prompt import NoPrompt
from zostudy.methods.options import MethodOptions
from zostudy.methods.white_box import WhiteBox, WhiteBoxOptions


@pytest.mark.parametrize("learning_rate", [0.01, 0.1])
def test_the_white_box_is_adam_of_torch_along_autograds_gradient(toy: Any, learning_rate: float) -> None:
    options = WhiteBoxOptions(subspace_dim=20, learning_rate=learning_rate)
    method = WhiteBox(options, toy.context(budget=25))
    features, mix, read = (torch.from_numpy(array) for array in (toy.features, toy.mix, toy.read))
    latent = torch.zeros(20, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([latent], lr=learning_rate)
    while not method.finished:
        [rows] = method.ask().rows
        gate = latent @ mix
        hidden = torch.tanh(features[torch.from_numpy(rows).long()] * (1 + gate) + gate)
        loss = functional.cross_entropy(hidden @ read, torch.from_numpy(toy.labels[rows]).long())
        adam.zero_grad()
        loss.backward()
        adam.step()
        record = toy.run_step(method)
        assert record.loss == pytest.approx(loss.item(), rel=1e-5)
        assert latent.grad is not None
        assert record.gradient_norm == pytest.approx(latent.grad.norm().item(), rel=1e-4)
    assert method.queries_spent == 25
    np.testing.assert_allclose(method.latent, latent.detach(), rtol=1e-3, atol=1e-4)


def answered(toy: Any, method: LinearProbe, rows: NDArray[np.int32]) -> tuple[NDArray[np.float32], int]:
    """Returns the scores of an evaluation, and how many queries it took."""
    asked, count = method.evaluation(method.latent, rows), 0
    try:
        queries = next(asked)
        while True:
            count += 1
            assert queries.access == "states"
            assert queries.latents.shape == (1, 0)
            queries = asked.send(toy.score(queries))
    except StopIteration as end:
        return end.value, count


@pytest.mark.parametrize("counts", [(60, 20), (40, 30, 10)])
def test_the_probe_scores_as_a_regression_fitted_by_hand_on_standardised_states(toy: Any, counts: Any) -> None:
    toy = type(toy).make(counts=counts, seed=5)
    n = len(toy.labels)
    train, held_out = np.arange(0, n, 2, dtype=np.int32), np.arange(1, n, 2, dtype=np.int32)
    method = LinearProbe(MethodOptions(), toy.context(rows=train, labels=toy.labels[train]))
    scores, _ = answered(toy, method, held_out)

    def states(rows: NDArray[np.int32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = toy.score(Queries(np.zeros((1, 0), np.float32), rows[None], access="states"))[0][0]
        return found

    inside, outside = states(train).astype(np.float64), states(held_out).astype(np.float64)
    mean, deviation = inside.mean(axis=0), inside.std(axis=0)
    by_strength = []
    for strength in STRENGTHS:
        by_hand = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
        by_hand.fit((inside - mean) / deviation, toy.labels[train])
        log_p = by_hand.predict_log_proba((outside - mean) / deviation)
        own = scores - np.logaddexp.reduce(scores.astype(np.float64), axis=1, keepdims=True)
        by_strength.append(float(np.abs(own - log_p).max()))
    assert min(by_strength) < 1e-3
    predicted = np.asarray(scores.argmax(axis=1))
    assert np.mean(predicted == toy.labels[held_out]) > 0.8


def test_the_probe_is_fitted_once_and_the_fit_is_saved(toy: Any) -> None:
    rows = np.arange(10, dtype=np.int32)
    method = LinearProbe(MethodOptions(), toy.context())
    assert method.state() == {}
    first, n_queries = answered(toy, method, rows)
    assert n_queries == 2
    again, n_queries = answered(toy, method, rows)
    assert n_queries == 1
    np.testing.assert_array_equal(first, again)
    resumed = LinearProbe(MethodOptions(), toy.context())
    resumed.load_state_dict(method.state_dict())
    loaded, n_queries = answered(toy, resumed, rows)
    assert n_queries == 1
    np.testing.assert_array_equal(first, loaded)


def test_the_strength_is_chosen_by_cross_validation() -> None:
    """Many useless entries: a strong penalty ranks better than none, and cross-validation must see it."""
    noise = np.random.default_rng(0)
    labels = np.tile([0, 1], 40).astype(np.int32)
    states = noise.normal(size=(80, 200)).astype(np.float32)
    states[:, 0] += 1.5 * labels
    fresh = noise.normal(size=(2000, 200))
    truth = np.tile([0, 1], 1000)
    fresh[:, 0] += 1.5 * truth

    def auc(weights: NDArray[np.float64]) -> float:
        return float(roc_auc_score(truth, fresh @ (weights[1, 1:] - weights[0, 1:])))

    chosen = auc(fit(states, labels))
    loose = LogisticRegression(C=STRENGTHS[-1], max_iter=1000).fit(states, labels)
    assert chosen > float(roc_auc_score(truth, fresh @ loose.coef_[0]))


def test_the_probe_works_with_one_example_of_a_class_and_with_constant_states() -> None:
    noise = np.random.default_rng(0)
    states = noise.normal(size=(9, 4)).astype(np.float32)
    states[:, 2] = 7.0
    weights = fit(states, np.array([0] * 8 + [1], dtype=np.int32))
    assert weights.shape == (2, 5)
    assert np.isfinite(weights).all()


def test_random_search_keeps_the_least_loss_of_each_batch_among_draws_around_the_start(toy: Any) -> None:
    method = toy.method("random-search", reach=2.0, queries_per_step=5, context={"budget": 50})
    drawn = []
    while not method.finished:
        incumbent, queries = method.latent.copy(), method.ask()
        np.testing.assert_array_equal(queries.latents[0], incumbent)
        assert (queries.rows == queries.rows[0]).all()
        scores, labels = toy.score(queries)
        losses = [log_loss(labels[0], softmax(of_one.astype(np.float64), axis=1), labels=[0, 1]) for of_one in scores]
        record = method.tell(scores, labels)
        np.testing.assert_array_equal(method.latent, queries.latents[np.argmin(losses)])
        assert record.loss == pytest.approx(losses[0])
        drawn.append(queries.latents[1:])
    assert np.shape(drawn) == (10, 4, 20)
    assert np.std(drawn) == pytest.approx(2.0, rel=0.1)
    assert np.mean(drawn) == pytest.approx(0.0, abs=0.25)


def test_no_prompt_evaluates_with_an_empty_latent(toy: Any) -> None:
    method = NoPrompt(MethodOptions(), toy.context())
    queries = next(method.evaluation(method.latent, np.arange(3, dtype=np.int32)))
    assert queries.latents.shape == (1, 0)
    assert queries.access == "scores"
    assert method.finished
