"""Step rules against their formulas."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zostudy.methods.options import StepRuleName
from zostudy.methods.step_rules import StepRule, make_step_rule

NAMES: tuple[StepRuleName, ...] = get_args(StepRuleName)
DIM = 9
START = np.zeros(DIM, np.float32)


def made(name: StepRuleName) -> StepRule:
    return make_step_rule(name, DIM, reach=2.0, learning_rate=0.25)


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


@pytest.mark.parametrize("name", ["adagrad-norm", "dog"])
@given(exponent=st.integers(-100, 100), seed=st.integers(0, 99))
def test_a_loss_in_another_scale_takes_the_same_path(name: Any, exponent: int, seed: int) -> None:
    slopes = gradients(6, seed=seed)
    scaled = path(made(name), slopes * 2.0**exponent)
    np.testing.assert_array_equal(scaled, path(made(name), slopes))  # powers of two lose no bit


@pytest.mark.parametrize("name", ["adagrad-norm", "dog"])
@given(dim=st.integers(1, 50), reach=st.floats(0.01, 100))
def test_the_first_step_moves_each_entry_by_the_reach(name: Any, dim: int, reach: float) -> None:
    rule = make_step_rule(name, dim, reach, learning_rate=1.0)
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
    resumed.load_state_dict(rule.state_dict())
    after = path(resumed, slopes[cut:], before[-1] if cut else START)
    whole = path(made(name), slopes)
    np.testing.assert_array_equal([*before, *after], whole)
