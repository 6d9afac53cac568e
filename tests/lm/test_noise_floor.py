"""The noise floor against scorers whose noise is known, and on the embedded models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.model import ModelSpec
from zostudy.lm.encoding import encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import Evaluator, make_evaluator
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.noise_floor import NoiseFloor, Probes, ProbeScores, noise_floor, score_probes
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import DType

BATCH = 6
SLOPE = np.array([0.5, -2.0, 1.0, 0.25])


def make_probes(central: bool = True, n_directions: int = 8, radius: float = 0.1, seed: int = 0) -> Probes:
    noise = np.random.default_rng(seed)
    directions = noise.standard_normal((n_directions, len(SLOPE))).astype(np.float32)
    rows = noise.permutation(50)[:BATCH].astype(np.int32)
    return Probes(np.ones(len(SLOPE), np.float32), directions, radius, rows, central)


def mean_score(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = scores[..., 0].astype(np.float64).mean(axis=1)
    return means


def linear(latents: NDArray[np.float32], rows: NDArray[np.int32], group: int) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = (latents.astype(np.float64) @ SLOPE)[:, None] + 0.01 * rows
    return scores


def exact(latents: NDArray[np.float32], rows: NDArray[np.int32], group: int) -> NDArray[np.float32]:
    return linear(latents, rows, group)[..., None].astype(np.float32)


class Noisy:
    """Adds independent normal noise to each score."""

    def __init__(self, spread: float, seed: int) -> None:
        self._spread, self._noise = spread, np.random.default_rng(seed)

    def __call__(self, latents: NDArray[np.float32], rows: NDArray[np.int32], group: int) -> NDArray[np.float32]:
        noise = self._spread * self._noise.standard_normal(rows.shape)
        return (linear(latents, rows, group) + noise)[..., None].astype(np.float32)


@pytest.mark.parametrize("central", [True, False])
@pytest.mark.parametrize("referenced", [True, False])
def test_noise_of_a_known_spread_is_found(central: bool, referenced: bool) -> None:
    spread, squares = 0.02, []
    for seed in range(300):
        probes = make_probes(central, seed=seed)
        reference = score_probes(probes, exact) if referenced else None
        floor = noise_floor(probes, mean_score, score_probes(probes, Noisy(spread, seed)), reference)
        squares.append(floor.noise**2)
    # A difference of two means of BATCH scores each.
    assert np.mean(squares) == pytest.approx(2 * spread**2 / BATCH, rel=0.08)


@pytest.mark.parametrize(("central", "sides"), [(True, 2), (False, 1)])
def test_the_signal_is_the_spread_of_the_slopes(central: bool, sides: int) -> None:
    probes = make_probes(central)
    reference = score_probes(probes, exact)
    slopes = sides * probes.radius * probes.directions.astype(np.float64) @ SLOPE
    assert noise_floor(probes, mean_score, reference).signal == pytest.approx(slopes.std(ddof=1), rel=1e-5)
    noisy = noise_floor(probes, mean_score, score_probes(probes, Noisy(1.0, 1)), reference)
    assert noisy.signal == pytest.approx(slopes.std(ddof=1), rel=1e-5)


@given(st.floats(1e-3, 1e3), st.integers(0, 20), st.booleans())
def test_the_scale_of_the_loss_changes_no_ratio(scale: float, seed: int, central: bool) -> None:
    probes = make_probes(central, seed=seed)
    reference, scores = score_probes(probes, exact), score_probes(probes, Noisy(0.05, seed))
    plain = noise_floor(probes, mean_score, scores, reference)
    scaled = noise_floor(probes, lambda given: scale * mean_score(given), scores, reference)
    assert scaled.noise == pytest.approx(scale * plain.noise, rel=1e-9)
    assert scaled.signal_over_noise == pytest.approx(plain.signal_over_noise, rel=1e-9)
    assert scaled.least_radius == pytest.approx(plain.least_radius, rel=1e-9)


def test_a_pair_shares_its_call_and_what_a_call_adds_to_all_cancels() -> None:
    calls: list[tuple[NDArray[np.float32], NDArray[np.int32], int]] = []

    def drifting(latents: NDArray[np.float32], rows: NDArray[np.int32], group: int) -> NDArray[np.float32]:
        calls.append((latents, rows, group))
        return exact(latents, rows, group) + np.float32(8 * len(calls))

    probes = make_probes(central=True)
    floor = noise_floor(probes, mean_score, score_probes(probes, drifting))
    assert floor.signal_over_noise > 1e4
    assert [len(latents) for latents, _, _ in calls] == [17, 9, 9]
    assert sum(len(latents) for latents, _, _ in calls) == probes.n_queries
    assert {group for _, _, group in calls} == {2}
    for latents, _, _ in calls:
        np.testing.assert_allclose(
            (latents[0:-1:2] + latents[1:-1:2]) / 2, np.tile(latents[-1], (len(latents) // 2, 1))
        )
    assert [rows[0].tolist() for _, rows, _ in calls[:2]] == [probes.rows.tolist(), probes.rows[::-1].tolist()]


def test_noise_of_the_position_in_the_batch_is_seen() -> None:
    def uneven(latents: NDArray[np.float32], rows: NDArray[np.int32], group: int) -> NDArray[np.float32]:
        factors = (1 + np.arange(rows.shape[1], dtype=np.float32) / 8)[:, None]
        return (exact(latents, rows, group) * factors).astype(np.float32)

    probes = make_probes()
    scores = score_probes(probes, uneven)
    first = noise_floor(probes, lambda given: given[:, 0, 0].astype(np.float64), scores)
    assert first.signal_over_noise < 10
    # The first row stands first in one composition and last in the other: factors 1 and 1 + 5/8 of the slope.
    assert first.noise == pytest.approx(
        0.2 * float(np.sqrt(np.square(probes.directions @ SLOPE).mean())) * 5 / 8 / np.sqrt(2), rel=1e-3
    )


def test_a_floor_of_nothing_or_of_what_is_not_a_number() -> None:
    assert NoiseFloor(1.0, 0.0, 0.1).signal_over_noise == float("inf")
    assert NoiseFloor(1.0, 0.0, 0.1).least_radius == 0
    assert NoiseFloor(0.0, 0.0, 0.1).signal_over_noise == 0
    assert NoiseFloor(0.0, 1.0, 0.1).least_radius == float("inf")
    assert not NoiseFloor(1.0, float("nan"), 0.1).enough
    assert not NoiseFloor(float("nan"), 1.0, 0.1).enough
    assert NoiseFloor(1.0, 0.1, 0.1).enough
    assert NoiseFloor(2.0, 1.0, 0.1).least_radius == pytest.approx(0.5)


TEXTS = (
    "the film was great",
    "a very slow and boring story , but the actors were good",
    "not bad",
    "i did not like the book at all and the end was terrible , really",
)
MeasureModel = Callable[[float, DType], NoiseFloor]


@pytest.fixture(scope="module", params=EMBEDDED_MODELS)
def measure_model(request: pytest.FixtureRequest) -> MeasureModel:
    """Measures an embedded model's cross-entropy on four texts, at a radius, in a dtype."""
    spec = ModelSpec(name=request.param)
    source = find_model(spec)
    tokenizer = load_tokenizer(source)
    ending = "." if source.head == "masked" else ""
    task = encode_task(
        tokenizer,
        source,
        TEXTS,
        None,
        np.arange(len(TEXTS)),
        lambda text, _: (f"{text} It was ", ending),
        ("terrible", "great"),
        max_input_tokens(spec, source, tokenizer),
        False,
    )
    models = {dtype: make_evaluator(spec, source, task, dtype) for dtype in ("float32", "bfloat16")}
    labels = np.array([1, 0, 1, 0])

    def cross_entropy(scores: NDArray[np.float32]) -> NDArray[np.float64]:
        wide = scores.astype(np.float64)
        gap = np.take_along_axis(wide, 1 - labels[None, :, None], -1) - np.take_along_axis(
            wide, labels[None, :, None], -1
        )
        means: NDArray[np.float64] = np.logaddexp(0, gap)[..., 0].mean(axis=1)
        return means

    def measure(radius: float, dtype: DType) -> NoiseFloor:
        directions = np.random.default_rng(3).standard_normal((8, 10)).astype(np.float32)
        probes = Probes(np.zeros(10, np.float32), directions, radius, np.arange(4, dtype=np.int32), central=True)

        def scored(model: Evaluator) -> ProbeScores:
            return score_probes(probes, lambda latents, rows, group: model.score(latents, rows, 7, group))

        scores = {name: scored(model) for name, model in models.items()}
        return noise_floor(probes, cross_entropy, scores[dtype], None if dtype == "float32" else scores["float32"])

    return measure


def test_float32_leaves_a_radius_of_a_tenth_undisturbed_and_bfloat16_is_coarser(measure_model: MeasureModel) -> None:
    float32, bfloat16 = measure_model(0.1, "float32"), measure_model(0.1, "bfloat16")
    assert float32.signal == bfloat16.signal
    assert float32.signal_over_noise > 1000
    assert 1 < bfloat16.signal_over_noise < float32.signal_over_noise / 100


def test_at_the_least_radius_signal_over_noise_is_about_what_it_promises(measure_model: MeasureModel) -> None:
    radius = measure_model(0.1, "float32").least_radius * 3  # where it would be 30
    assert radius < 1e-2
    assert 10 < measure_model(radius, "float32").signal_over_noise < 90  # eight directions tell the noise that well
    assert measure_model(radius, "bfloat16").signal_over_noise < 1
