"""The objectives that know the prior, and the AUC loss over pairs, against torch, loops and the minimax form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional

from zostudy.methods import Context, ImbalanceSettings
from zostudy.methods.objectives import AucMinimax, AucPairwise, CrossEntropy, Ldam, LogitAdjusted, make_objective
from zostudy.methods.options import ObjectiveOptions

seeds = st.integers(0, 10_000)
COUNTS = np.array([60, 25, 4])


def sample(seed: int, n: int = 12, n_classes: int = 3, queries: int = 2) -> tuple[Any, Any]:
    """Returns scores [q, n, C] and labels [q, n]; every class occurs."""
    noise = np.random.default_rng(seed)
    labels = noise.integers(n_classes, size=(queries, n))
    labels[:, :n_classes] = np.arange(n_classes)
    return 2 * noise.normal(size=(queries, n, n_classes)).astype(np.float32), labels.astype(np.int32)


def context(sampler: Any = "natural") -> Context:
    labels = np.repeat(np.arange(3), COUNTS).astype(np.int32)
    rows = np.arange(len(labels), dtype=np.int32)
    return Context(0, labels, rows, 3, (2,), 6, 10, ImbalanceSettings(sampler=sampler))


@given(seeds, st.floats(0.1, 3))
def test_logit_adjusted_is_cross_entropy_with_the_log_prior_added(seed: int, tau: float) -> None:
    scores, labels = sample(seed)
    options = ObjectiveOptions(objective="logit-adjusted", logit_adjustment=tau)
    objective = make_objective(options, context(), COUNTS / COUNTS.sum())
    adjusted = torch.from_numpy(scores).double() + tau * torch.from_numpy(COUNTS / COUNTS.sum()).log()
    expected = functional.cross_entropy(
        adjusted.flatten(0, 1), torch.from_numpy(labels).long().flatten(), reduction="none"
    )
    np.testing.assert_allclose(objective.losses(scores, labels).ravel(), expected, rtol=1e-10)


def test_logit_adjusted_on_stratified_batches_is_cross_entropy() -> None:
    scores, labels = sample(0)
    adjusted = LogitAdjusted(np.ones(3), np.full(3, 1 / 3), 1.0)
    np.testing.assert_allclose(adjusted.losses(scores, labels), CrossEntropy(np.ones(3)).losses(scores, labels))


def test_logit_adjusted_scores_that_fit_the_likelihood_are_its_minimum() -> None:
    """One feature, two classes of shares 0.9 and 0.1: the best scores are the log likelihoods, without the prior."""
    prior, likelihood = np.array([0.9, 0.1]), np.array([[0.8, 0.2], [0.3, 0.7]])  # [class, feature]
    joint = prior[:, None] * likelihood
    objective = LogitAdjusted(np.ones(2), prior, 1.0)

    def expected(scores: NDArray[np.float64]) -> float:
        """Of scores [feature, class]."""
        losses = [objective.losses(scores[None].astype(np.float32), np.full((1, 2), label)) for label in range(2)]
        return float(sum((joint[label] * losses[label][0]).sum() for label in range(2)))

    best = expected(np.log(likelihood).T)
    assert all(best < expected(np.log(likelihood).T + 0.1 * aside.reshape(2, 2)) for aside in np.eye(4))
    assert best < expected(np.log(joint).T)


@given(seeds, st.floats(0.1, 5))
def test_ldam_takes_a_margin_off_the_right_class(seed: int, margin: float) -> None:
    scores, labels = sample(seed)
    objective = make_objective(
        ObjectiveOptions(objective="ldam", ldam_margin=margin), context("stratified"), np.ones(3) / 3
    )
    for losses, logits, classes in zip(objective.losses(scores, labels), scores, labels, strict=True):
        for loss, row, label in zip(losses, logits.astype(np.float64), classes, strict=True):
            lowered = np.exp(row[label] - margin * (4 / COUNTS[label]) ** 0.25)
            others = sum(np.exp(row[k]) for k in range(3) if k != label)
            assert loss == pytest.approx(-np.log(lowered / (lowered + others)), rel=1e-9)


def test_an_absent_class_counts_as_the_rarest() -> None:
    scores, labels = sample(1)
    for objective in (
        LogitAdjusted(np.ones(3), np.array([0.9, 0.1, 0.0]), 1.0),
        Ldam(np.ones(3), np.array([9, 1, 0]), 2.0),
    ):
        assert np.isfinite(objective.losses(scores, labels)).all()
        assert np.isfinite(objective.slopes(scores, labels)).all()


def pairs_by_hand(scores: torch.Tensor, labels: NDArray[np.int32], positive: int, margin: float) -> torch.Tensor:
    """The mean over pairs of one query, visited one by one."""
    h = torch.softmax(scores, dim=-1)[:, positive]
    gaps = [(margin - h[i] + h[j]) ** 2 for i in range(len(h)) for j in range(len(h))
            if labels[i] == positive and labels[j] != positive]  # fmt: skip
    return torch.stack(gaps).mean()


@given(seeds, st.sampled_from([(1,), (0, 1, 2)]))
def test_the_loss_over_pairs_and_its_slopes_equal_loops_and_autograd(seed: int, positives: tuple[int, ...]) -> None:
    scores, labels = sample(seed)
    objective = AucPairwise(positives, 0.8)
    wide = torch.from_numpy(scores.astype(np.float64)).requires_grad_()
    expected = torch.stack(
        [torch.stack([pairs_by_hand(wide[q], labels[q], k, 0.8) for k in positives]).mean() for q in range(2)]
    )
    np.testing.assert_allclose(objective.losses(scores, labels).mean(axis=1), expected.detach(), rtol=1e-9)
    expected.sum().backward()
    assert wide.grad is not None
    np.testing.assert_allclose(objective.slopes(scores, labels) / labels.shape[1], wide.grad, rtol=1e-7, atol=1e-10)


@given(seeds, st.sampled_from([(1,), (0, 1, 2)]))
def test_the_minimax_form_at_its_inner_optimum_is_the_loss_over_pairs(seed: int, positives: tuple[int, ...]) -> None:
    scores, labels = sample(seed, queries=1)
    shares = np.bincount(labels[0], minlength=3) / labels.size
    minimax = AucMinimax(positives, shares, ObjectiveOptions(alpha_projection="none"), ImbalanceSettings(margin=0.8))
    minimax.start(scores, labels)
    over_pairs = AucPairwise(positives, 0.8)
    assert minimax.losses(scores, labels).mean() == pytest.approx(over_pairs.losses(scores, labels).mean(), rel=1e-9)
    # at the inner optimum the slopes of both are those of one function of the scores
    np.testing.assert_allclose(minimax.slopes(scores, labels), over_pairs.slopes(scores, labels), rtol=1e-7, atol=1e-9)


def test_a_batch_of_one_class_has_no_pairs() -> None:
    scores, _ = sample(0)
    for label in (0, 1):
        labels = np.full(scores.shape[:2], label, dtype=np.int32)
        assert not AucPairwise((1,), 1.0).losses(scores, labels).any()
        assert not AucPairwise((1,), 1.0).slopes(scores, labels).any()
