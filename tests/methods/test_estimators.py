"""Differences are unbiased on linear functions, and stencils are laid out as promised."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from zostudy.methods.directions import draw_directions
from zostudy.methods.estimators import Stencil, central_difference, forward_difference, spread

DIM = 5
numbers = st.floats(-10, 10, allow_nan=False, width=32)
vectors = arrays(np.float64, DIM, elements=numbers)
radii = st.floats(1e-3, 10)
ALL_SIGNS = np.array(list(product([-1, 1], repeat=DIM)), dtype=np.float32)


def linear(slope: NDArray[np.float64], offset: float) -> Any:
    return lambda points: points.astype(np.float64) @ slope + offset


@given(vectors, vectors, numbers, radii)
def test_both_differences_average_to_the_gradient_over_all_sign_vectors(
    slope: NDArray[np.float64], point: NDArray[np.float64], offset: float, radius: float
) -> None:
    function = linear(slope, offset)
    plus, minus = function(point + radius * ALL_SIGNS), function(point - radius * ALL_SIGNS)
    tolerance = 1e-9 * (1 + np.abs(point).max() * np.abs(slope).max() + abs(offset)) / radius
    forward = forward_difference(plus, function(point), ALL_SIGNS, radius)
    central = central_difference(plus, minus, ALL_SIGNS, radius)
    np.testing.assert_allclose(forward, slope, atol=tolerance)
    np.testing.assert_allclose(central, slope, atol=tolerance)


def test_central_difference_of_one_direction_has_no_even_error() -> None:
    direction = np.array([[1, -1, 1, 1, -1]], dtype=np.float32)

    def curve(points: NDArray[np.float64]) -> Any:
        return points[:, 0] ** 2 + 3 * points[:, 1]

    point = np.arange(DIM, dtype=np.float64)
    slope = 2 * point[0] * 1 + 3 * -1  # of the curve, along the direction
    plus, minus = curve(point + 0.7 * direction), curve(point - 0.7 * direction)
    np.testing.assert_allclose(central_difference(plus, minus, direction, 0.7), slope * direction[0])
    biased = forward_difference(plus, float(curve(point[None])[0]), direction, 0.7)
    np.testing.assert_allclose(biased, (slope + 0.7) * direction[0])


@pytest.mark.parametrize("law", ["rademacher", "gaussian", "sphere"])
def test_directions_are_white_and_make_unbiased_gradients(law: Any) -> None:
    count = 40_000
    directions = draw_directions(law, seed=0, step=3, stage="probe", count=count, dim=DIM)
    assert directions.dtype == np.float32
    np.testing.assert_allclose(directions.mean(axis=0), 0, atol=5 / count**0.5)
    np.testing.assert_allclose(directions.T @ directions / count, np.eye(DIM), atol=10 / count**0.5)
    slope = np.array([1.0, -2, 0, 3, 0.5])
    losses = linear(slope, 4.0)(0.1 * directions)
    estimate = forward_difference(losses, 4.0, directions, 0.1)
    np.testing.assert_allclose(estimate, slope, atol=50 / count**0.5)


def test_laws_of_directions() -> None:
    signs, normal, sphere = (draw_directions(law, 0, 0, "probe", 50, 7) for law in ("rademacher", "gaussian", "sphere"))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    np.testing.assert_allclose(np.linalg.norm(sphere, axis=1), 7**0.5, rtol=1e-6)
    assert np.std(np.linalg.norm(normal, axis=1)) > 0.3


def test_directions_depend_on_seed_step_and_stage_and_on_nothing_else() -> None:
    def draw(seed: int, step: int, stage: str, count: int = 4) -> NDArray[np.float32]:
        return draw_directions("gaussian", seed, step, stage, count, DIM)

    assert np.array_equal(draw(1, 2, "probe"), draw(1, 2, "probe"))
    assert np.array_equal(draw(1, 2, "probe"), draw(1, 2, "probe", count=9)[:4])
    for other in (draw(0, 2, "probe"), draw(1, 3, "probe"), draw(1, 2, "second probe")):
        assert not np.array_equal(draw(1, 2, "probe"), other)


def test_spread_is_the_standard_deviation() -> None:
    losses = np.array([1.0, 2.0, 4.0])
    assert spread(losses, ddof=1) == pytest.approx(((16 + 1 + 25) / 9 / 2) ** 0.5)
    assert spread(losses, ddof=0) == pytest.approx(((16 + 1 + 25) / 9 / 3) ** 0.5)
    assert spread(losses[:1], ddof=1) == 0


POINT = np.array([1, 2, 3], dtype=np.float32)
ROWS = np.array([7, 8, 9, 10], dtype=np.int32)


def stencil(count: int, **kinds: bool) -> Stencil:
    directions = draw_directions("gaussian", 0, 0, "probe", count, 3)
    return Stencil(POINT, directions, 0.5, ROWS, **kinds)


def test_a_pair_is_adjacent_and_shares_a_forward() -> None:
    central = stencil(2, central=True, base=True)
    queries = central.queries
    assert queries.group == 2
    np.testing.assert_allclose(queries.latents[0] + queries.latents[1], 2 * POINT, rtol=1e-6)
    np.testing.assert_allclose(queries.latents[2] - queries.latents[3], central.directions[1], rtol=1e-5)
    np.testing.assert_array_equal(queries.latents[4], POINT)
    np.testing.assert_array_equal(queries.rows, np.tile(ROWS, (5, 1)))
    assert queries.cost(batch_size=4) == 5


def test_a_direction_for_each_example_costs_one_query_a_side() -> None:
    queries = stencil(8, central=True, base=True, per_example=True).queries
    assert queries.latents.shape == (2 * 8 + 4, 3)
    assert queries.rows[:, 0].tolist() == [7, 7, 8, 8, 9, 9, 10, 10] * 2 + [7, 8, 9, 10]
    assert queries.cost(batch_size=4) == 2 * 2 + 1
    assert stencil(8, central=False, base=True, per_example=True).queries.cost(batch_size=4) == 2 + 1


@pytest.mark.parametrize("central", [True, False])
def test_per_example_gradient_is_the_mean_over_examples_and_repeats(central: bool) -> None:
    probes = stencil(8, central=central, base=True, per_example=True)
    slopes = {row: np.array([row, 1.0, -row]) for row in ROWS.tolist()}
    queries = probes.queries
    losses = np.array([[slopes[row] @ z + row] for z, row in zip(queries.latents, queries.rows[:, 0], strict=True)])
    by_hand = [(slopes[int(ROWS[i % 4])] @ u) * u for i, u in enumerate(probes.directions.astype(np.float64))]
    np.testing.assert_allclose(probes.gradient(losses), np.mean(by_hand, axis=0), rtol=1e-4, atol=1e-4)
    sides = 2 if central else 1
    by_query = losses[: 8 * sides, 0].reshape(2, 4, sides).mean(axis=1).reshape(-1)
    np.testing.assert_allclose(probes.probe_losses(losses), by_query)


def test_a_batch_that_is_not_whole_has_no_cost() -> None:
    with pytest.raises(ValueError, match="whole batches of 3, but hold 20 rows"):
        stencil(2, central=True, base=True).queries.cost(batch_size=3)
