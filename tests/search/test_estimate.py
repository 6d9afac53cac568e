"""The clock of the expected time: work counts, waiting does not."""

from __future__ import annotations

import time
from functools import partial

import pytest

from zostudy.search.estimate import _processor_seconds, _seconds


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_other_load_does_not_lengthen_the_expected_time(threads: int) -> None:
    def held_up() -> None:
        compute(0.2)
        time.sleep(0.4)

    found = _seconds(held_up, partial(_processor_seconds, threads))
    assert 0.2 <= found * threads < 0.5
    assert _seconds(held_up, time.perf_counter) >= 0.6
