"""Single steps of the papers' methods against what their equations give by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reading_findings import record

from zostudy.errors import SpecError
from zostudy.methods import Context, Method, Queries, get_method
from zostudy.methods.directions import draw_directions
from zostudy.methods.fzoo import Fzoo, FzooOptions
from zostudy.methods.objectives.base import Objective
from zostudy.methods.spsa import Spsa, SpsaOptions
from zostudy.methods.zosa import Zosa, ZosaOptions

DIM, BATCH = 6, 4
SLOPE = np.array([1.0, -2.0, 0.5, 3.0, 0.0, -1.0])


class Plain(Objective):
    """The first score is the loss: losses as any function of the latent."""

    def losses(self, scores: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float64]:
        return scores[..., 0].astype(np.float64)

    def slopes(self, scores: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float64]:
        slopes = np.zeros(scores.shape)
        slopes[..., 0] = 1.0
        return slopes


def plain(kind: type[Method], options: Any, budget: int = 1000) -> Any:
    labels = np.array([0, 1] * 4, dtype=np.int32)
    method: Any = kind(options, Context(0, labels, np.arange(8, dtype=np.int32), 2, (1,), BATCH, budget))
    method.objective = Plain()
    return method


def step(method: Any, loss: Any) -> Any:
    """Runs a step on loss(latents [q, d]) -> [q]; returns the record and the queries asked."""
    asked, record = [], None
    while record is None:
        queries: Queries = method.ask()
        asked.append(queries)
        values = loss(queries.latents.astype(np.float64))
        scores = np.repeat(values[:, None, None], queries.rows.shape[1], axis=1).repeat(2, axis=2)
        record = method.tell(scores.astype(np.float64), np.zeros_like(queries.rows))
    return record, asked


def linear(latents: NDArray[np.float64]) -> NDArray[np.float64]:
    losses: NDArray[np.float64] = latents @ SLOPE
    return losses


def bowl(latents: NDArray[np.float64]) -> NDArray[np.float64]:
    losses: NDArray[np.float64] = np.square(latents - 1) @ np.arange(1.0, DIM + 1) + latents[:, 0] * latents[:, 1]
    return losses


def options(kind: Any, **given: Any) -> Any:
    return kind(subspace_dim=DIM, learning_rate_schedule="constant", **given)


@pytest.mark.parametrize("estimator", ["central", "forward"])
def test_spsa_steps_along_the_mean_of_directional_slopes(estimator: Any) -> None:
    given = options(SpsaOptions, step_rule="plain", estimator=estimator, queries_per_step=9, learning_rate=0.5)
    method = plain(Spsa, given)
    record, (queries,) = step(method, linear)
    count = 4 if estimator == "central" else 8
    directions = draw_directions("rademacher", 0, 0, "probe", count, DIM).astype(np.float64)
    gradient = np.mean([(SLOPE @ u) * u for u in directions], axis=0)
    np.testing.assert_allclose(method.latent, -0.5 * gradient, rtol=1e-5, atol=1e-5)
    assert record.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    assert queries.cost(BATCH) == method.step_cost == (8 if estimator == "central" else 9)


def zosa_options(**given: Any) -> Any:
    return options(ZosaOptions, queries_per_step=12, **({"step_rule": "plain", "learning_rate": 0.1} | given))


@pytest.mark.parametrize("rule", ["plain", "spread", "adagrad-norm", "dog"])
def test_zosa_at_sharpness_radius_zero_equals_fzoo_given_the_same_draws(rule: Any) -> None:
    given: Any = {"step_rule": rule, "reach": 1.0}
    zosa = plain(Zosa, zosa_options(sharpness_radius=0.0, second_directions="reused", reach_steps=83, **given))
    fzoo = plain(Fzoo, options(FzooOptions, queries_per_step=6, learning_rate=0.1, **given))
    for _ in range(5):
        step(zosa, bowl)
        step(fzoo, bowl)
        np.testing.assert_array_equal(zosa.latent, fzoo.latent)
    assert zosa.latent.any()


def test_the_ascent_takes_half_of_zosas_queries(toy: Any) -> None:
    zosa = toy.method("zosa", context={"budget": 36})
    assert 2 * zosa.ask().cost(zosa.context.batch_size) == zosa.step_cost
    assert "ZOSA's default ascent takes half of its queries" in record()


def test_zosa_at_sharpness_radius_zero_with_fresh_draws_is_fzoo_on_those(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zosa = plain(Zosa, zosa_options(sharpness_radius=0.0, step_scale="second_spread"))
    fzoo = plain(Fzoo, options(FzooOptions, queries_per_step=6, learning_rate=0.1, step_rule="plain"))
    own = Fzoo.directions
    monkeypatch.setattr(Fzoo, "directions", lambda self, stage, count: own(self, "second probe", count))
    step(zosa, bowl)
    step(fzoo, bowl)
    np.testing.assert_array_equal(zosa.latent, fzoo.latent)


def by_hand(latent: NDArray[np.float64], radius: float, rho: float, rate: float) -> NDArray[np.float64]:
    """The paper's step, written as loops."""
    stages = [
        draw_directions("rademacher", 0, 0, stage, 5, DIM).astype(np.float64) for stage in ("probe", "second probe")
    ]

    def slopes(point: NDArray[np.float64], directions: NDArray[np.float64]) -> tuple[Any, float]:
        base = bowl(point[None])[0]
        losses = [bowl((point + radius * u)[None])[0] for u in directions]
        total = sum((loss - base) / radius * u for loss, u in zip(losses, directions, strict=True))
        return total / 5, float(np.std(losses, ddof=1))

    ascent, sigma = slopes(latent, stages[0])
    descent, _ = slopes(latent + rho * ascent / sigma, stages[1])
    moved: NDArray[np.float64] = latent - rate * descent / sigma
    return moved


@pytest.mark.parametrize(
    ("given", "unit"),
    [
        ({"step_rule": "plain", "learning_rate": 0.1}, 1.0),
        ({"step_rule": "spread", "reach": 0.1}, 0.2 * np.sqrt(DIM * 5 / (DIM + 4))),  # 5 directions, radius 0.2
    ],
)
def test_zosa_step_equals_its_definition(given: dict[str, Any], unit: float) -> None:
    method = plain(Zosa, zosa_options(sharpness_radius=0.3, perturbation_radius=0.2, **given), budget=12)
    _, asked = step(method, bowl)
    expected = by_hand(np.zeros(DIM), 0.2, 0.3 * unit, 0.1 * unit)
    np.testing.assert_allclose(method.latent, expected, rtol=1e-4, atol=1e-5)
    assert [queries.cost(BATCH) for queries in asked] == [6, 6]
    np.testing.assert_array_equal(asked[0].rows[0], asked[1].rows[0])


@pytest.mark.parametrize("name", ["zosa", "fzoo"])
def test_step_does_not_depend_on_the_radius_or_the_scale_of_a_linear_loss(name: str) -> None:
    kind = get_method(name)
    latents = []
    for radius, scale in [(0.001, 1.0), (0.1, 1.0), (10.0, 1.0), (0.1, 100.0)]:
        method = plain(kind, options(kind.Options, queries_per_step=12, perturbation_radius=radius))
        step(method, lambda z, scale=scale: scale * linear(z))
        latents.append(method.latent)
    for latent in latents[1:]:
        np.testing.assert_allclose(latent, latents[0], rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("n_directions", [4, 40])
@pytest.mark.parametrize("name", ["zosa", "fzoo"])
def test_a_step_of_the_rule_spread_is_about_as_long_as_its_reach(name: str, n_directions: int) -> None:
    """Of a linear loss, over many steps."""
    queries = (n_directions + 1) * (2 if name == "zosa" else 1)
    lengths = []
    for seed in range(200):
        kind: Any = get_method(name)
        given = kind.Options(subspace_dim=30, queries_per_step=queries, reach=0.7)
        labels = np.array([0, 1] * 4, dtype=np.int32)
        method: Any = kind(given, Context(seed, labels, np.arange(8, dtype=np.int32), 2, (1,), BATCH, queries))
        method.objective = Plain()
        step(method, lambda latents: latents[:, 0] - 2 * latents[:, 1])
        lengths.append(np.linalg.norm(method.latent) / np.sqrt(30))
    assert np.median(lengths) == pytest.approx(0.7, rel=0.2)


def test_unscaled_zosa_step_is_a_plain_gradient_step() -> None:
    method = plain(Zosa, zosa_options(step_scale="none", second_directions="reused", sharpness_radius=0.7))
    step(method, linear)
    directions = draw_directions("rademacher", 0, 0, "probe", 5, DIM).astype(np.float64)
    np.testing.assert_allclose(
        method.latent, -0.1 * np.mean([(SLOPE @ u) * u for u in directions], axis=0), rtol=1e-4, atol=1e-5
    )


def test_zosa_with_the_current_baseline_saves_a_query_and_uses_the_first_base_loss() -> None:
    method = plain(Zosa, zosa_options(baseline="at_current", sharpness_radius=0.3, second_directions="reused"))
    _, (first, second) = step(method, bowl)
    assert method.step_cost == 11
    assert [first.cost(BATCH), second.cost(BATCH)] == [6, 5]
    probes = bowl(second.latents.astype(np.float64)) - bowl(np.zeros((1, DIM)))[0]
    sigma = np.std(bowl(first.latents[:5].astype(np.float64)), ddof=1)
    directions = draw_directions("rademacher", 0, 0, "probe", 5, DIM)
    expected = -0.1 * (probes[:, None] / 0.1 * directions).mean(axis=0) / sigma
    np.testing.assert_allclose(method.latent, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["zosa", "fzoo"])
def test_flat_losses_do_not_move_the_latent(name: str) -> None:
    method = plain(get_method(name), options(get_method(name).Options))
    record, _ = step(method, lambda latents: np.full(len(latents), 0.7))
    assert not method.latent.any()
    assert record.loss_spread == 0


@pytest.mark.parametrize(
    ("rule", "steps", "factor"),
    [("spread", 16, 1.0), ("spread", 9, 1.0), ("spread", 64, 0.25), ("plain", 64, 1.0), ("adagrad-norm", 64, 1.0)],
)
def test_zosas_steps_in_spreads_are_shorter_where_there_are_many(rule: Any, steps: int, factor: float) -> None:
    given = zosa_options(step_rule=rule)
    many, few = plain(Zosa, given, budget=12 * steps + 11), plain(Zosa, given, budget=12)
    step(many, bowl)
    step(few, bowl)
    np.testing.assert_array_equal(many.latent, (factor * few.latent.astype(np.float64)).astype(np.float32))
    assert many.latent.any()


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_zosas_steps_add_up_to_as_much_at_every_budget(schedule: Any) -> None:
    def path(steps: int) -> float:
        given = replace(zosa_options(step_rule="spread"), learning_rate_schedule=schedule)
        method = plain(Zosa, given, budget=12 * steps)
        factors = []
        while not method.finished:
            factors.append(method.schedule())
            step(method, bowl)
        return float(sum(factors))

    assert path(256) == pytest.approx(path(16), rel=0.06 if schedule == "linear" else 1e-9)  # (n + 1) / 2n, linearly


def test_schedules_fall_from_one_to_zero_over_the_budget() -> None:
    rates: dict[str, list[float]] = {}
    for schedule in ("constant", "linear", "cosine"):
        given = replace(options(SpsaOptions, queries_per_step=10), learning_rate_schedule=schedule)
        method = plain(Spsa, given, budget=40)
        rates[schedule] = []
        while not method.finished:
            rates[schedule].append(method.schedule())
            step(method, linear)
    np.testing.assert_allclose(rates["constant"], [1.0, 1, 1, 1])
    np.testing.assert_allclose(rates["linear"], [1.0, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(rates["cosine"], [1, 0.8535534, 0.5, 0.1464466], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "given", "least"),
    [
        ("zosa", {}, 6),
        ("zosa", {"baseline": "at_current"}, 5),
        ("fzoo", {}, 3),
        ("spsa", {}, 2),
        ("spsa", {"objective": "auc"}, 3),
        ("spsa", {"estimator": "forward"}, 2),
        ("bpt-fzg", {"estimator": "central"}, 3),
        ("bpt-fzg", {}, 2),
    ],
)
def test_a_step_too_small_for_the_method_is_refused(toy: Any, name: str, given: dict[str, Any], least: int) -> None:
    kind: Any = get_method(name)
    assert kind(kind.Options(queries_per_step=least, **given), toy.context()).step_cost == least
    with pytest.raises(SpecError, match=f"must be at least {least}") as refused:
        kind(kind.Options(queries_per_step=least - 1, **given), toy.context())
    assert refused.value.about == f"queries_per_step of {name}"
    assert refused.value.got == f"got {least - 1}"
