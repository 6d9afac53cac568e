from __future__ import annotations

import pytest

from zostudy.cli.meter import Meter, duration
from zostudy.search.trial import TrialProgress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_busy_share_are_of_the_time_since_the_start() -> None:
    clock = Clock()
    meter = Meter(n_replicas=2, clock=clock)
    clock.now += 4
    meter.progressed("a", TrialProgress(10, 1.0, None))
    meter.progressed("b", TrialProgress(6, 2.0, 0.7))
    meter.progressed("a", TrialProgress(14, 3.0, 0.8))  # replaces what "a" had told before
    assert meter.queries == 20
    assert meter.queries_per_second == 5.0
    assert meter.busy_share == (3.0 + 2.0) / (4 * 2)
    assert (meter.spent_by("a"), meter.spent_by("c")) == (14, 0)
    clock.now += 6
    assert meter.queries_per_second == 2.0
    assert meter.busy_share == 5.0 / 20


def test_the_time_for_more_queries_follows_the_rate() -> None:
    clock = Clock()
    meter = Meter(n_replicas=1, clock=clock)
    clock.now += 5
    assert meter.seconds_for(100) is None
    meter.progressed("a", TrialProgress(20, 1.0, None))
    assert meter.seconds_for(100) == 25.0
    assert meter.seconds_for(0) == 0.0


def test_replicas_are_never_more_than_busy() -> None:
    clock = Clock()
    meter = Meter(n_replicas=1, clock=clock)
    clock.now += 1
    meter.progressed("a", TrialProgress(1, 1.5, None))
    assert meter.busy_share == 1.0


def test_a_meter_that_has_just_started_divides_by_nothing() -> None:
    meter = Meter(n_replicas=1, clock=Clock())
    assert (meter.queries, meter.queries_per_second, meter.busy_share) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "?"), (0, "0:00"), (9.6, "0:10"), (65, "1:05"), (3599.4, "59:59"), (3599.6, "1:00:00"), (7389, "2:03:09")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
