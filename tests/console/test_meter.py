from __future__ import annotations

import pytest

from zostudy.console.meter import Meter
from zostudy.console.progress import duration
from zostudy.search.trial import TrialProgress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def report(queries: int, replica_seconds: float) -> TrialProgress:
    return TrialProgress(queries, replica_seconds, None)


def test_rate_and_busy_share_are_of_what_came_after_the_first_report() -> None:
    clock = Clock()
    meter = Meter(n_replicas=2, clock=clock)
    clock.now += 30
    meter.progressed("a", report(10, 1.0))
    assert (meter.queries, meter.queries_per_second, meter.busy_share) == (10, 0.0, 0.0)
    clock.now += 4
    meter.progressed("b", report(6, 2.0))
    meter.progressed("a", report(24, 3.0))  # replaces what "a" had told before
    assert meter.queries == 30
    assert meter.queries_per_second == (30 - 10) / 4
    assert meter.busy_share == (5.0 - 1.0) / (4 * 2)
    clock.now += 6
    assert meter.queries_per_second == 2.0
    assert meter.busy_share == 4.0 / 20


def test_what_earlier_runs_spent_is_no_work_of_this_one() -> None:
    clock = Clock()
    meter = Meter(n_replicas=5, clock=clock)
    for trial in "abcd":
        meter.progressed(trial, TrialProgress(500, 100.0, 0.6, 500, 100.0))
    clock.now += 10
    for trial in "abcd":
        meter.progressed(trial, TrialProgress(505, 102.5, 0.6, 500, 100.0))
    assert (meter.queries, meter.queries_per_second, meter.busy_share) == (20, 2.0, 0.2)
    assert meter.spent_by("a") == 505


def test_what_a_trial_has_spent_stays_spent() -> None:
    meter = Meter(n_replicas=1, clock=Clock())
    meter.progressed("a", report(10, 1.0))
    meter.progressed("a", report(0, 0.0))
    assert (meter.spent_by("a"), meter.spent_by("b")) == (10, 0)
    assert meter.queries == 10


def test_the_pace_of_a_trial_is_measured_from_its_first_report() -> None:
    clock = Clock()
    meter = Meter(n_replicas=2, clock=clock)
    meter.progressed("resumed", report(100, 1.0))
    clock.now += 20
    assert meter.seconds_per_query("resumed") == meter.seconds_per_query("unknown") == 0.0
    meter.progressed("resumed", report(105, 2.0))
    meter.progressed("other", report(50, 2.0))
    assert meter.seconds_per_query("resumed") == 4.0
    clock.now += 5
    assert meter.seconds_per_query("resumed") == 5.0


def test_replicas_are_never_more_than_busy() -> None:
    clock = Clock()
    meter = Meter(n_replicas=1, clock=clock)
    meter.progressed("a", report(1, 1.5))
    clock.now += 1
    meter.progressed("a", report(2, 3.0))
    assert meter.busy_share == 1.0


def test_replicas_that_join_offer_their_time_from_then_on() -> None:
    clock = Clock()
    meter = Meter(n_replicas=1, clock=clock)
    clock.now += 50
    meter.progressed("a", report(1, 1.0))
    clock.now += 2
    meter.resize(3)
    clock.now += 4
    meter.progressed("a", report(9, 8.0))
    assert meter.busy_share == 7.0 / (2 * 1 + 4 * 3)


def test_a_meter_that_has_just_started_divides_by_nothing() -> None:
    meter = Meter(n_replicas=1, clock=Clock())
    assert (meter.queries, meter.queries_per_second, meter.busy_share) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.6, "0:10"), (65, "1:05"), (3599.4, "59:59"), (3599.6, "1:00:00"), (7389, "2:03:09")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
