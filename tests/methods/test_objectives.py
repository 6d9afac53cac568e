"""Objectives against torch, autograd, and the pairwise form of the AUC loss."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional

from zostudy.methods import Context, ImbalanceSettings
from zostudy.methods.objectives import AucMinimax, CrossEntropy, Focal, Hinge, make_objective
from zostudy.methods.options import ObjectiveOptions

seeds = st.integers(0, 10_000)


def sample(seed: int, n: int = 40, n_classes: int = 2) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Returns scores [1, n, C] and labels [1, n]; every class occurs."""
    noise = np.random.default_rng(seed)
    labels = noise.choice(n_classes, size=n, p=np.arange(1, n_classes + 1) / sum(range(n_classes + 1)))
    labels[:n_classes] = np.arange(n_classes)
    return 3 * noise.normal(size=(1, n, n_classes)).astype(np.float32), labels[None].astype(np.int32)


def shares(labels: NDArray[np.int32], n_classes: int = 2) -> NDArray[np.float64]:
    return np.bincount(labels.ravel(), minlength=n_classes) / labels.size


def as_torch(scores: NDArray[np.float32], labels: NDArray[np.int32]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(scores.astype(np.float64)).flatten(0, 1), torch.from_numpy(labels).long().flatten()


@given(seeds, st.integers(2, 5))
def test_cross_entropy_equals_torch(seed: int, n_classes: int) -> None:
    scores, labels = sample(seed, n_classes=n_classes)
    weights = np.random.default_rng(seed).uniform(0.1, 3, n_classes)
    expected = functional.cross_entropy(*as_torch(scores, labels), weight=torch.from_numpy(weights), reduction="none")
    losses = CrossEntropy(weights).losses(scores, labels)
    assert losses.shape == labels.shape
    np.testing.assert_allclose(losses[0], expected, rtol=1e-10, atol=1e-12)


@given(seeds, st.floats(0, 4))
def test_focal_equals_its_definition(seed: int, gamma: float) -> None:
    scores, labels = sample(seed, n_classes=3)
    logits, targets = as_torch(scores, labels)
    p = functional.softmax(logits, dim=-1)[torch.arange(len(targets)), targets]
    expected = -((1 - p) ** gamma) * p.log()
    np.testing.assert_allclose(Focal(np.ones(3), gamma).losses(scores, labels)[0], expected, rtol=1e-8, atol=1e-12)


def test_focal_of_gamma_zero_is_cross_entropy() -> None:
    scores, labels = sample(0)
    np.testing.assert_allclose(
        Focal(np.ones(2), 0).losses(scores, labels), CrossEntropy(np.ones(2)).losses(scores, labels)
    )


@given(seeds, st.floats(0.1, 5))
def test_hinge_equals_torch(seed: int, margin: float) -> None:
    scores, labels = sample(seed, n_classes=4)
    # torch divides the sum over wrong classes by C
    expected = 4 * functional.multi_margin_loss(*as_torch(scores, labels), margin=margin, reduction="none")
    np.testing.assert_allclose(Hinge(np.ones(4), margin).losses(scores, labels)[0], expected, rtol=1e-6, atol=1e-6)


def test_large_logits_give_finite_losses() -> None:
    scores = np.array([[[1e4, -1e4], [-1e4, 1e4]]], dtype=np.float32)
    labels = np.zeros((1, 2), dtype=np.int32)
    losses = CrossEntropy(np.ones(2)).losses(scores, labels)
    np.testing.assert_allclose(losses, [[0, 2e4]])
    np.testing.assert_allclose(Focal(np.ones(2), 2.0).losses(scores, labels), [[0, 2e4]])


def auc(
    positives: tuple[int, ...],
    class_shares: NDArray[np.float64],
    margin: float = 1.0,
    prior: Literal["global", "batch"] = "global",
    **options: Any,
) -> AucMinimax:
    settings = ImbalanceSettings(margin=margin, prior=prior)
    return AucMinimax(positives, class_shares, ObjectiveOptions(**options), settings)


def probability(scores: NDArray[np.float32], positive: int) -> NDArray[np.float64]:
    exponentials = np.exp(scores.astype(np.float64))
    share: NDArray[np.float64] = exponentials[..., positive] / exponentials.sum(axis=-1)
    return share


@given(seeds, st.floats(0.1, 2), st.sampled_from(["v1", "v2"]), st.sampled_from(["global", "batch"]))
def test_saddle_value_is_the_pairwise_square_loss(seed: int, margin: float, version: Any, prior: Any) -> None:
    """At the inner optimum the mean of F is p(1-p) E[(m - h+ + h-)^2] (v1), or without p(1-p) (v2)."""
    scores, labels = sample(seed)
    objective = auc((1,), shares(labels), margin, prior, auc_version=version, alpha_projection="none")
    objective.start(scores, labels)
    h, positive = probability(scores, 1)[0], labels[0] == 1
    pairs = np.square(margin - h[positive][:, None] + h[~positive][None]).mean()
    p = positive.mean()
    expected = pairs * p * (1 - p) if version == "v1" else pairs
    assert objective.losses(scores, labels).mean() == pytest.approx(expected, rel=1e-9)
    assert all(np.abs(gradient).max() < 1e-12 for gradient in objective.gradients(scores, labels))
    assert objective.a[0] == pytest.approx(h[positive].mean())
    assert objective.b[0] == pytest.approx(h[~positive].mean())
    assert objective.alpha[0] == pytest.approx(margin + objective.b[0] - objective.a[0])


def published_v1(h: torch.Tensor, y: torch.Tensor, p: float, m: float, a: Any, b: Any, alpha: Any) -> torch.Tensor:
    values: torch.Tensor = (
        (1 - p) * (h - a) ** 2 * y
        + p * (h - b) ** 2 * (1 - y)
        + 2 * alpha * (p * (1 - p) * m + p * h * (1 - y) - (1 - p) * h * y)
        - p * (1 - p) * alpha**2
    )
    return values


@given(seeds, st.floats(0.02, 0.9), st.sampled_from(["v1", "v2"]), st.tuples(*[st.floats(-2, 2)] * 3))
def test_auc_losses_and_gradients_equal_autograd_at_any_point(
    seed: int, p: float, version: Any, start: tuple[float, float, float]
) -> None:
    """The prior need not be the batch's: F is checked as printed, its gradients by autograd."""
    scores, labels = sample(seed)
    objective = auc((1,), np.array([1 - p, p]), 0.8, auc_version=version)
    objective.a, objective.b, objective.alpha = (np.array([value]) for value in start)
    a, b, alpha = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in start)
    h, y = torch.from_numpy(probability(scores, 1)), torch.from_numpy((labels == 1).astype(np.float64))
    expected = published_v1(h, y, p, 0.8, a, b, alpha) / (1.0 if version == "v1" else p * (1 - p))
    np.testing.assert_allclose(objective.losses(scores, labels), expected.detach(), rtol=1e-8, atol=1e-8)
    autograd = torch.autograd.grad(expected.mean(), (a, b, alpha))
    for ours, theirs in zip(objective.gradients(scores, labels), autograd, strict=True):
        assert ours[0] == pytest.approx(float(theirs), rel=1e-8, abs=1e-9)


@given(seeds)
def test_v2_is_the_mean_over_each_class(seed: int) -> None:
    scores, labels = sample(seed)
    objective = auc((1,), shares(labels), prior="batch", auc_version="v2")
    objective.a, objective.b, objective.alpha = np.array([0.6]), np.array([0.3]), np.array([0.5])
    h, positive = probability(scores, 1), labels == 1
    up, down = h[positive], h[~positive]
    expected = np.mean((up - 0.6) ** 2) + np.mean((down - 0.3) ** 2) + 2 * 0.5 * (1 + down.mean() - up.mean()) - 0.25
    assert objective.losses(scores, labels).mean() == pytest.approx(expected)


def test_one_versus_rest_is_the_mean_of_the_binary_problems() -> None:
    scores, labels = sample(4, n_classes=3)
    joint = auc((0, 1, 2), shares(labels, 3), auxiliary_learning_rate=0.3)
    single = [auc((k,), shares(labels, 3), auxiliary_learning_rate=0.3) for k in range(3)]
    for _ in range(3):
        expected = np.mean([objective.losses(scores, labels) for objective in single], axis=0)
        np.testing.assert_allclose(joint.losses(scores, labels), expected)
        for objective in (joint, *single):
            objective.start(scores, labels)
            objective.update(*sample(5, n_classes=3))
    np.testing.assert_allclose(joint.alpha, [objective.alpha[0] for objective in single])


def test_update_descends_in_a_and_b_and_ascends_in_alpha_from_one_point() -> None:
    scores, labels = sample(1)
    objective = auc((1,), shares(labels), auxiliary_start="zero", auxiliary_learning_rate=0.2)
    objective.start(scores, labels)
    assert objective.auxiliary == {"a": 0, "b": 0, "alpha": 0}
    grad_a, grad_b, grad_alpha = objective.gradients(scores, labels)
    objective.update(scores, labels)
    np.testing.assert_allclose(objective.a, -0.2 * grad_a)
    np.testing.assert_allclose(objective.b, -0.2 * grad_b)
    np.testing.assert_allclose(objective.alpha, 0.2 * grad_alpha)
    for _ in range(200):
        objective.update(scores, labels)
    assert all(np.abs(gradient).max() < 1e-6 for gradient in objective.gradients(scores, labels))


@pytest.mark.parametrize(("projection", "expected"), [("nonnegative", 0.0), ("none", -0.5)])
def test_projection_of_alpha(projection: Any, expected: float) -> None:
    """Perfect scores with a small margin ask for alpha = m + b - a = 0.5 + 0 - 1 < 0."""
    scores = np.array([[[-50, 50], [50, -50]]], dtype=np.float32)
    labels = np.array([[1, 0]], dtype=np.int32)
    objective = auc((1,), shares(labels), 0.5, alpha_projection=projection)
    objective.start(scores, labels)
    assert objective.alpha[0] == pytest.approx(expected)
    for _ in range(100):
        objective.update(scores, labels)
    assert objective.alpha[0] == pytest.approx(expected)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("prior", ["global", "batch"])
@pytest.mark.parametrize("label", [0, 1])
def test_a_batch_of_one_class_stays_finite(version: Any, prior: Any, label: int) -> None:
    scores, _ = sample(0)
    labels = np.full((1, 40), label, dtype=np.int32)
    objective = auc((1,), np.array([0.9, 0.1]), prior=prior, auc_version=version)
    objective.start(scores, labels)
    objective.update(scores, labels)
    assert np.isfinite(objective.losses(scores, labels)).all()
    assert all(np.isfinite(value) for value in objective.auxiliary.values())
    if version == "v1" and prior == "batch":
        assert not objective.losses(scores, labels).any()


def context(**changes: Any) -> Context:
    labels = np.array([0] * 30 + [1] * 10, dtype=np.int32)
    given: dict[str, Any] = {"n_classes": 2, "minority_classes": (0,), "imbalance": ImbalanceSettings()}
    return Context(0, labels, np.arange(40, dtype=np.int32), batch_size=8, budget=10, **(given | changes))


def test_the_minority_class_is_the_positive_one() -> None:
    options = ObjectiveOptions(objective="auc")
    scores, labels = sample(3)
    for minority, positive in [((0,), 0), ((1,), 1), ((), 1)]:
        objective = make_objective(options, context(minority_classes=minority), np.array([0.75, 0.25]))
        objective.start(scores, labels)
        assert objective.auxiliary["a"] == pytest.approx(probability(scores, positive)[labels == positive].mean())


@pytest.mark.parametrize("name", ["cross-entropy", "focal", "hinge"])
def test_balanced_weights_make_every_class_count_alike(name: Any) -> None:
    scores = np.zeros((1, 40, 2), dtype=np.float32)
    labels = context().labels[None]
    settings = ImbalanceSettings(class_weights="balanced")
    balanced, plain = (
        make_objective(ObjectiveOptions(objective=name), context(imbalance=imbalance), np.array([0.75, 0.25]))
        for imbalance in (settings, ImbalanceSettings())
    )
    losses = balanced.losses(scores, labels)
    assert losses[labels == 0].sum() == pytest.approx(losses[labels == 1].sum())
    assert losses.mean() == pytest.approx(plain.losses(scores, labels).mean())


@given(
    seeds,
    st.sampled_from(["cross-entropy", "logit-adjusted", "ldam", "focal", "hinge", "auc"]),
    st.integers(2, 4),
    st.booleans(),
)
def test_slopes_are_the_derivatives_of_the_losses(seed: int, name: Any, n_classes: int, weighted: bool) -> None:
    """Against central differences of the losses, entry by entry; hinge is linear between its kinks."""
    scores, labels = sample(seed, n=12, n_classes=n_classes)
    imbalance = ImbalanceSettings(class_weights="balanced" if weighted else "none")
    context = Context(
        seed=0,
        labels=labels[0],
        rows=np.arange(12, dtype=np.int32),
        n_classes=n_classes,
        minority_classes=(n_classes - 1,),
        batch_size=12,
        budget=1,
        imbalance=imbalance,
    )
    objective = make_objective(ObjectiveOptions(objective=name), context, shares(labels, n_classes))
    objective.start(scores, labels)
    wide = scores.astype(np.float64)
    slopes = objective.slopes(wide, labels)  # type: ignore[arg-type]
    assert slopes.shape == scores.shape
    step = 1e-6
    for entry in range(n_classes):
        aside = np.zeros(n_classes)
        aside[entry] = step
        up, down = (objective.losses(wide + sign * aside, labels) for sign in (1, -1))  # type: ignore[arg-type]
        near_kink = _nearest_kink(wide, labels) < 1e-4 if name == "hinge" else np.zeros(labels.shape, dtype=bool)
        difference = (up - down) / (2 * step)
        np.testing.assert_allclose(slopes[..., entry][~near_kink], difference[~near_kink], rtol=1e-5, atol=1e-6)


def _nearest_kink(scores: NDArray[np.float64], labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Returns how far each example's wrong classes are from the margin at least."""
    right = np.take_along_axis(scores, labels[..., None], axis=-1)
    gaps = np.abs(ObjectiveOptions().hinge_margin + scores - right)
    gaps[labels[..., None] == np.arange(scores.shape[-1])] = np.inf
    nearest: NDArray[np.float64] = gaps.min(axis=-1)
    return nearest


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_slopes_equal_autograd_and_vanish_where_the_label_is_certain(gamma: float) -> None:
    scores, labels = sample(4, n_classes=3)
    logits, targets = as_torch(scores, labels)
    logits.requires_grad_()
    p = functional.softmax(logits, dim=-1)[torch.arange(len(targets)), targets]
    (-((1 - p) ** gamma) * p.log()).sum().backward()
    assert logits.grad is not None
    np.testing.assert_allclose(Focal(np.ones(3), gamma).slopes(scores, labels)[0], logits.grad, rtol=1e-8, atol=1e-12)
    certain = np.array([[[900.0, 0.0, 0.0]]], dtype=np.float32)
    assert not Focal(np.ones(3), gamma).slopes(certain, np.zeros((1, 1), dtype=np.int32)).any()
