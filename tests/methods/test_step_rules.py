"""Step rules against their formulas."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zostudy.methods.options import ProbingOptions, StepRuleName
from zostudy.methods.step_rules import StepRule, make_step_rule

NAMES: tuple[StepRuleName, ...] = get_args(StepRuleName)
SCALE_FREE = ["adagrad-norm", "dog", "amsgrad", "r-adazo"]
DIM = 9
START = np.zeros(DIM, np.float32)


def made(name: StepRuleName, **given: Any) -> StepRule:
    return make_step_rule(ProbingOptions(subspace_dim=DIM, step_rule=name, reach=2.0, learning_rate=0.25, **given))


def gradients(count: int, scale: float = 1.0, seed: int = 0) -> NDArray[np.float64]:
    drawn: NDArray[np.float64] = scale * np.random.default_rng(seed).normal(size=(count, DIM))
    return drawn


def path(rule: StepRule, slopes: NDArray[np.float64], latent: NDArray[np.float32] = START) -> NDArray[np.float32]:
    """Returns the latents after each step, float32 [steps, d]."""
    latents = []
    for slope in slopes:
        latent = (latent - rule.move(slope, latent)).astype(np.float32)
        latents.append(latent)
    return np.array(latents)


def test_plain_moves_by_the_learning_rate() -> None:
    slopes = gradients(5)
    np.testing.assert_allclose(path(made("plain"), slopes)[-1], -0.25 * slopes.sum(axis=0), rtol=1e-5)


def test_spread_moves_by_the_reach() -> None:
    slopes = gradients(5)
    np.testing.assert_allclose(path(made("spread"), slopes)[-1], -2.0 * slopes.sum(axis=0), rtol=1e-5)


def test_adagrad_norm_divides_by_the_root_of_the_summed_squares() -> None:
    slopes = gradients(6)
    summed = np.cumsum((slopes**2).sum(axis=1))
    expected = -(2.0 * np.sqrt(DIM) * slopes / np.sqrt(summed)[:, None]).cumsum(axis=0)
    np.testing.assert_allclose(path(made("adagrad-norm"), slopes), expected, rtol=1e-5, atol=1e-6)


def test_dog_multiplies_by_the_greatest_distance_from_the_start() -> None:
    slopes = gradients(6)
    slopes[3:] += 3.0  # so that the latent drifts away, and comes back
    slopes[5] -= 20.0
    latent, summed, farthest = np.zeros(DIM), 0.0, 2.0 * np.sqrt(DIM)
    for slope, moved in zip(slopes, path(made("dog"), slopes), strict=True):
        farthest, summed = max(farthest, float(np.linalg.norm(latent))), summed + float(slope @ slope)
        latent = latent - farthest * slope / np.sqrt(summed)
        np.testing.assert_allclose(moved, latent, rtol=1e-4, atol=1e-5)
    assert farthest > 2.0 * np.sqrt(DIM)


@pytest.mark.parametrize("corrected", [True, False])
def test_amsgrad_is_torchs_or_that_without_its_correction(corrected: bool) -> None:
    slopes = gradients(8) * np.linspace(3, 0.2, 8)[:, None]  # falling, so that the largest square is an earlier one
    ours = path(made("amsgrad", mean_decay=0.8, square_decay=0.7, bias_correction=corrected), slopes)
    latent = torch.zeros(DIM, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([latent], lr=2.0, betas=(0.8, 0.7), eps=1e-300, amsgrad=True)
    for number, slope in enumerate(slopes, 1):
        # torch always corrects: undoing it for its step gives the bare line
        adam.param_groups[0]["lr"] = 2.0 if corrected else 2.0 * (1 - 0.8**number) / np.sqrt(1 - 0.7**number)
        latent.grad = torch.from_numpy(slope)
        adam.step()
        np.testing.assert_allclose(ours[number - 1], latent.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("corrected", [True, False])
def test_r_adazo_divides_by_the_mean_square_of_the_mean(corrected: bool) -> None:
    slopes = gradients(8)
    ours = path(made("r-adazo", mean_decay=0.8, square_decay=0.7, bias_correction=corrected), slopes)
    for entry in range(DIM):
        mean = square = latent = 0.0
        for number, slope in enumerate(slopes[:, entry], 1):
            mean = 0.8 * mean + 0.2 * slope
            used = mean / (1 - 0.8**number) if corrected else mean
            square = 0.7 * square + 0.3 * used**2
            latent -= 2.0 * used / np.sqrt(square / (1 - 0.7**number) if corrected else square)
            assert ours[number - 1][entry] == pytest.approx(latent, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", SCALE_FREE)
@given(exponent=st.integers(-100, 100), seed=st.integers(0, 99))
def test_a_loss_in_another_scale_takes_the_same_path(name: Any, exponent: int, seed: int) -> None:
    slopes = gradients(6, seed=seed)
    scaled = path(made(name), slopes * 2.0**exponent)
    np.testing.assert_array_equal(scaled, path(made(name), slopes))  # powers of two lose no bit


@pytest.mark.parametrize("name", SCALE_FREE)
@given(dim=st.integers(1, 50), reach=st.floats(0.01, 100))
def test_the_first_step_moves_each_entry_by_the_reach(name: Any, dim: int, reach: float) -> None:
    rule = make_step_rule(ProbingOptions(subspace_dim=dim, step_rule=name, reach=reach))
    slope = np.random.default_rng(dim).normal(size=dim)
    move = rule.move(slope, np.zeros(dim, np.float32))
    assert np.sqrt((move**2).mean()) == pytest.approx(reach)
    assert move @ slope > 0


@pytest.mark.parametrize("name", NAMES)
def test_no_slope_is_no_step(name: Any) -> None:
    rule = made(name)
    assert not path(rule, np.zeros((2, DIM))).any()
    assert np.isfinite(path(rule, gradients(2))).all()


@pytest.mark.parametrize("name", NAMES)
@given(cut=st.integers(0, 6))
def test_a_rule_goes_on_from_its_state(name: Any, cut: int) -> None:
    slopes = gradients(6, scale=5.0)
    rule = made(name)
    before = path(rule, slopes[:cut])
    resumed = made(name)
    resumed.load_state(rule.state())
    after = path(resumed, slopes[cut:], before[-1] if cut else START)
    whole = path(made(name), slopes)
    np.testing.assert_array_equal([*before, *after], whole)
