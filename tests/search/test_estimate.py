"""The clock of the expected time: work counts, waiting does not."""

from __future__ import annotations

import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from zostudy.config.study import ResourcesSpec
from zostudy.search.estimate import MOST_PROBE_ROWS, _processor_seconds, _sample_rows, _seconds, cpus_each


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))


@pytest.mark.parametrize(("batch_size", "expected"), [(32, 32), (10**6, MOST_PROBE_ROWS)])
def test_a_very_large_batch_is_not_timed_whole(batch_size: int, expected: int) -> None:
    draws = {(1.0, 0): SimpleNamespace(test_rows=np.arange(500, dtype=np.int32))}
    budget = SimpleNamespace(batch_size=batch_size)
    study: Any = SimpleNamespace(
        data=SimpleNamespace(draws=draws), plan=SimpleNamespace(spec=SimpleNamespace(budget=budget))
    )
    rows = _sample_rows(study)
    assert (len(rows), rows[0], rows[-1]) == (expected, 0, 499)


@pytest.mark.parametrize(
    ("replicas", "threads", "expected"), [(1, 1, 1.0), (2, 1, 1.0), (8, 1, 0.25), (1, 64, 2.0), (2, 2, 1.0)]
)
def test_replicas_share_the_processors_that_the_machine_has(replicas: int, threads: int, expected: float) -> None:
    assert cpus_each(replicas, ResourcesSpec(cpus=threads), cpus=2) == expected


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_other_load_does_not_lengthen_the_expected_time(threads: int) -> None:
    def held_up() -> None:
        compute(0.2)
        time.sleep(0.4)

    found = _seconds(held_up, partial(_processor_seconds, threads))
    assert 0.2 <= found * threads < 0.5
    assert _seconds(held_up, time.perf_counter) >= 0.6
