"""The sections that need Ray, on the smallest model and few replicas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from zostudy.bench import memory, pool, scale, study, timing
from zostudy.bench.machine import has_page_counts
from zostudy.bench.memory import measure_memory
from zostudy.bench.models import BenchModel, open_model
from zostudy.bench.pool import measure_pool
from zostudy.bench.scale import measure_scale
from zostudy.bench.scorers import QUICK_SECONDS
from zostudy.bench.study import measure_study
from zostudy.bench.texts import read_texts

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def bench_model() -> Iterator[BenchModel]:
    with open_model("mini-roberta", read_texts(None, "", 1)) as bench_model:
        yield bench_model


def test_sleeping_replicas_lose_only_what_the_pool_costs(local_ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "STEPS", 2)
    points = measure_scale((1, 2))
    assert [(point.replicas, point.units) for point in points] == [(1, 8), (2, 16)]
    for point in points:
        assert 0 < point.efficiency <= 1  # nobody sleeps less than asked for
        assert point.step_seconds >= 8 * point.unit_seconds
        assert 0 < point.driver_seconds < point.step_seconds


def test_the_pool_stands_beside_the_bare_evaluator(
    local_ray: None, bench_model: BenchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr(pool, "STEPS_PER_ROUND", 1)
    bare, one, two = measure_pool(bench_model, 1)
    assert (bare.replicas, one.replicas, two.replicas) == (0, 1, 2)
    assert (bare.units, one.units, two.units) == (1, 16, 16)
    assert bare.unit_examples == 16 * one.unit_examples == 16 * two.unit_examples
    assert bare.over_bare == one.over_one_replica == 1
    assert one.over_bare == pytest.approx(one.queries_per_second / bare.queries_per_second)
    assert two.over_one_replica == pytest.approx(two.queries_per_second / one.queries_per_second)
    assert bare.driver_seconds is None
    for speed in (one, two):
        examples = speed.queries_per_second * speed.step_seconds * 32
        assert examples == pytest.approx(speed.units * speed.unit_examples)


@pytest.mark.skipif(not has_page_counts(), reason="this system does not count shared pages")
def test_memory_adds_up(local_ray: None, bench_model: BenchModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "REPLICAS", (1, 2))
    uses = measure_memory(bench_model)
    assert [use.replicas for use in uses] == [1, 2]
    for use in uses:
        assert use.resident_bytes == use.shared_bytes + use.private_bytes
        assert use.private_bytes <= use.proportional_bytes <= use.resident_bytes
        assert use.private_bytes < use.total_bytes <= use.resident_bytes
    assert uses[0].over_one_replica == 1
    assert 1 < uses[1].over_one_replica < 2


def test_a_study_with_a_fake_scorer_runs_to_its_end(local_ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "CELLS", 2)
    monkeypatch.setattr(study, "REPLICAS", 1)
    measured = measure_study(3)
    assert (measured.trials, measured.cells, measured.concurrent_trials, measured.queries) == (4, 2, 2, 10)
    units = 4 * 11  # a trial takes five steps and evaluates dev after each, and at its start
    assert measured.scorer_seconds >= units * QUICK_SECONDS
    assert measured.overhead_seconds == pytest.approx((measured.seconds - measured.scorer_seconds) / 4)
    assert min(measured.first_bytes, measured.early_bytes) > 0
