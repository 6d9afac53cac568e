"""The loss around the kept point: on losses that are known, and as a confirm trial leaves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from zostudy.cluster.micro_batches import Scorer
from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.results.encoding import encode
from zostudy.results.outcome import Landscape, Outcome
from zostudy.results.schema import TIME_COLUMNS
from zostudy.search.landscape import (
    EXTENT,
    SHARPNESS_PAIRS,
    SHARPNESS_RADIUS,
    LandscapeProbe,
    balanced_rows,
    has_plane,
    n_examples,
    n_rows,
)
from zostudy.search.plan import Plan, Stage, make_plan
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData
from zostudy.tasks.imbalance import Draw

GRID = EXTENT * np.arange(-4, 5) / 4


def with_losses(points: LandscapeProbe, losses: NDArray[np.float64]) -> Landscape:
    """Returns the landscape of scores ``(s, 0)`` of one example of class 0 that has these cross-entropies."""
    scores = np.zeros((len(losses), 1, 2), dtype=np.float32)
    scores[:, 0, 0] = -np.log(np.expm1(losses))
    return points.landscape(scores, np.zeros(1, dtype=np.int32))


@settings(deadline=None)
@given(seed=st.integers(0, 2**31), dim=st.integers(1, 20), plane=st.booleans())
def test_the_places_are_a_grid_along_two_directions_at_right_angles(seed: int, dim: int, plane: bool) -> None:
    centre = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    points = LandscapeProbe.of(centre, seed, plane)
    whole = {(x, y) for x in GRID for y in GRID if (plane or 0 in (x, y)) and (dim > 1 or y == 0)}
    assert {tuple(xy) for xy in points.coordinates} | {(0.0, 0.0)} == whole
    assert len(points.coordinates) == len(whole) - 1
    assert not np.signbit(points.coordinates[points.coordinates == 0]).any()

    at = {tuple(xy): latent - centre for xy, latent in zip(points.coordinates, points.latents, strict=False)}
    axes = [at[EXTENT, 0.0] / EXTENT] + ([at[0.0, EXTENT] / EXTENT] if dim > 1 else [])
    np.testing.assert_allclose(np.inner(axes, axes), dim * np.eye(len(axes)), atol=1e-4 * dim)
    for (x, y), step in at.items():
        np.testing.assert_allclose(step, np.array([x, y])[: len(axes)] @ axes, atol=1e-5)
    np.testing.assert_array_equal(points.latents[-1], centre)
    for first, second in zip(points.latents[:-1:2] - centre, points.latents[1:-1:2] - centre, strict=True):
        np.testing.assert_allclose(first, -second, atol=1e-5)
    around = points.latents[len(points.coordinates) : -1] - centre
    assert around.shape == (2 * SHARPNESS_PAIRS, dim)
    np.testing.assert_allclose(np.linalg.norm(around, axis=1), SHARPNESS_RADIUS * dim**0.5, rtol=1e-4)


def test_directions_are_those_of_the_seed_and_the_dimension_alone() -> None:
    start, elsewhere = np.zeros(5, dtype=np.float32), np.full(5, 0.5, dtype=np.float32)
    here, there = LandscapeProbe.of(start, 1, plane=False), LandscapeProbe.of(elsewhere, 1, plane=False)
    np.testing.assert_allclose(here.latents, there.latents - elsewhere, atol=1e-6)
    assert not np.allclose(here.latents[:-1], LandscapeProbe.of(start, 2, plane=False).latents[:-1])
    whole = LandscapeProbe.of(start, 1, plane=True)
    assert {tuple(latent) for latent in here.latents} < {tuple(latent) for latent in whole.latents}


def test_a_quadratic_loss_has_the_sharpness_of_its_hessian_whatever_its_slope() -> None:
    dim, noise = 6, np.random.default_rng(0)
    root = noise.standard_normal((dim, dim))
    hessian, slope = root @ root.T / 20, noise.standard_normal(dim) / 20
    centre = noise.standard_normal(dim).astype(np.float32)
    found = []
    for seed in range(100):
        points = LandscapeProbe.of(centre, seed, plane=False)
        steps = points.latents.astype(np.float64) - centre
        losses = 3 + steps @ slope + (steps @ hessian * steps).sum(axis=1) / 2
        landscape = with_losses(points, losses)
        directions = steps[len(points.coordinates) : -1 : 2]
        assert landscape.sharpness == pytest.approx(
            (directions @ hessian * directions).sum(axis=1).mean() / 2, abs=1e-5
        )
        for x, y, loss in zip(landscape.x, landscape.y, landscape.loss, strict=True):
            [expected] = losses[:-1][np.flatnonzero((points.coordinates == (x, y)).all(axis=1))] if x or y else [3.0]
            assert loss == pytest.approx(expected, abs=1e-5)
        found.append(landscape.sharpness)
    expected = SHARPNESS_RADIUS**2 * np.trace(hessian) / 2
    error = np.std(found, ddof=1) / len(found) ** 0.5
    assert error < expected / 20
    assert np.mean(found) == pytest.approx(expected, abs=3 * error)


def test_losses_that_are_not_finite_are_absent_and_the_others_stay() -> None:
    points = LandscapeProbe.of(np.zeros(3, dtype=np.float32), 0, plane=False)
    n = len(points.latents)
    scores = np.zeros((n, 2, 3), dtype=np.float32)
    scores[[0, 1, 2], [0, 1, 1], [2, 0, 0]] = np.inf, -np.inf, np.nan
    landscape = points.landscape(scores, np.array([0, 1], dtype=np.int32))
    absent = {(x, y) for x, y, loss in zip(landscape.x, landscape.y, landscape.loss, strict=True) if np.isnan(loss)}
    assert absent == {tuple(xy) for xy in points.coordinates[:3]}
    np.testing.assert_allclose(landscape.loss[~np.isnan(landscape.loss)], np.log(3))
    assert landscape.sharpness == pytest.approx(0, abs=1e-12)
    scores[n - 2, 0, 0] = np.nan
    assert np.isnan(points.landscape(scores, np.array([0, 1], dtype=np.int32)).sharpness)


@given(counts=st.lists(st.integers(1, 90), min_size=2, max_size=70), seed=st.integers(0, 9))
def test_every_class_has_equally_many_training_rows(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    rows = np.arange(len(labels), dtype=np.int32)
    draw = Draw(rows, rows[:0], rows[:0], tuple(counts), (), 0, (), ())
    chosen = balanced_rows(draw, labels, seed)
    assert chosen.dtype == np.int32
    assert len(set(chosen.tolist())) == len(chosen)
    [each] = set(np.bincount(labels[chosen], minlength=len(counts)).tolist())
    more = (each + 1) * len(counts)
    assert each == min(counts) or more > 64
    assert len(chosen) <= max(64, len(counts))
    np.testing.assert_array_equal(chosen, balanced_rows(draw, labels, seed))


def run(
    plan: Plan, data: StudyData, scorer: Scorer, cell: int = 0, stage: Stage = "confirm", number: int = 0
) -> Outcome:
    params = {"subspace_dim": 5} if stage == "search" else {}
    assignment = plan.assign(plan.cells[cell], stage, number, params)
    return run_trial(plan.spec, assignment, data, LocalPool(scorer), lambda _: None)


@pytest.mark.parametrize("cell", [3, 4, 5], ids=["spsa", "zosa", "untuned"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_confirm_trial_stores_the_loss_around_its_kept_point(
    plan: Plan, data: StudyData, scorer: Scorer, cell: int, number: int
) -> None:
    outcome = run(plan, data, scorer, cell, number=number)
    kept = np.array(outcome.trial.latent, dtype=np.float32)
    trial, draw = outcome.trial, data.draws[5.0, plan.seed(number + 1)]
    table = encode(outcome)["landscape"].to_pylist()
    assert len(table) == (81 if has_plane(number) else 17)
    assert [(row["x"], row["y"]) for row in table] == sorted((row["x"], row["y"]) for row in table)
    assert {row["trial"] for row in table} == {trial.trial}

    rows = balanced_rows(draw, data.labels, trial.seed)
    assert set(rows.tolist()) <= set(draw.train_rows.tolist())
    assert {row["examples"] for row in table} == {len(rows)} == {n_rows(draw.train_counts)} == {20}
    points = LandscapeProbe.of(kept, trial.seed, has_plane(number))
    assert n_examples(draw.train_counts, has_plane(number)) == len(points.latents) * len(rows)

    def loss(latent: NDArray[np.float32]) -> float:
        scores = scorer.score(latent[None], rows[None])[0].astype(np.float64)
        odds = np.exp(scores)
        return float(log_loss(data.labels[rows], odds / odds.sum(axis=1, keepdims=True)))

    at = {(row["x"], row["y"]): row["loss"] for row in table}
    assert at[0.0, 0.0] == trial.train_loss == pytest.approx(loss(kept), rel=1e-6)
    for xy, latent in zip(points.coordinates, points.latents, strict=False):
        assert at[tuple(xy)] == pytest.approx(loss(latent), rel=1e-6)
    around = [loss(latent) for latent in points.latents[len(points.coordinates) : -1]]
    assert trial.sharpness == pytest.approx(np.mean(around) - at[0.0, 0.0], abs=1e-6)


def test_methods_of_a_ratio_and_seed_are_seen_along_the_same_directions_on_the_same_rows(
    plan: Plan, data: StudyData, scorer: Scorer
) -> None:
    asked = []

    class Recorder:
        def score(
            self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
        ) -> NDArray[np.float32]:
            asked.append((latents, rows))
            return scorer.score(latents, rows, seed, group)

    seen = []
    for cell in (3, 4):
        outcome = run(plan, data, Recorder(), cell)
        assert outcome.landscape is not None
        latents, rows = (np.concatenate(parts) for parts in zip(*asked[-1:], strict=True))
        seen.append((latents - np.array(outcome.trial.latent, dtype=np.float32), rows))
    np.testing.assert_allclose(seen[0][0], seen[1][0], atol=1e-5)
    np.testing.assert_array_equal(seen[0][1], seen[1][1])


def test_search_trials_and_studies_without_it_evaluate_no_landscape_and_are_the_same_otherwise(
    make_spec: Callable[..., StudySpec], plan: Plan, data: StudyData, scorer: Scorer
) -> None:
    search = run(plan, data, scorer, stage="search")
    assert search.landscape is None
    assert search.trial.sharpness is search.trial.train_loss is search.trial.test_loss is None
    bare = make_plan(make_spec(confirm={"seeds": 2, "landscape": False}))
    without, given = run(bare, data, scorer), run(plan, data, scorer)
    assert without.landscape is None
    assert without.trial.sharpness is None
    drawn = data.draws[1.0, plan.seed(1)].train_counts
    more = given.trial.evaluation_examples - without.trial.evaluation_examples
    assert more == n_examples(drawn, plane=True) - n_rows(drawn)  # the loss at the point is evaluated either way
    assert without.trial.train_loss == pytest.approx(given.trial.train_loss, rel=1e-6)
    for name, table in encode(replace(given, landscape=None)).items():
        if name != "trials":
            assert encode(without)[name].equals(table)
    differ = ("train_loss", "sharpness", "evaluation_examples", *TIME_COLUMNS)
    assert replace(without.trial, **{name: getattr(given.trial, name) for name in differ}) == given.trial


def test_scores_around_the_kept_point_that_are_not_finite_fail_no_trial(
    plan: Plan, data: StudyData, scorer: Scorer
) -> None:
    class Cliff:
        def score(
            self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
        ) -> NDArray[np.float32]:
            scores = scorer.score(latents, rows, seed, group)
            beyond = np.linalg.norm(latents, axis=1) > 0.8 * SHARPNESS_RADIUS * latents.shape[1] ** 0.5
            return np.where(beyond[:, None, None], np.float32(np.inf), scores)

    outcome = run(plan, data, Cliff(), cell=2)
    assert outcome.trial.status == "complete", outcome.trial.error
    tables = encode(outcome)
    assert tables["trials"]["sharpness"].to_pylist() == [None]
    losses = {(row["x"], row["y"]): row["loss"] for row in tables["landscape"].to_pylist()}
    assert all((loss is None) == (np.hypot(*xy) > 0.8) for xy, loss in losses.items())
