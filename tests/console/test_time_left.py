from __future__ import annotations

from collections.abc import Iterable
from math import inf
from types import SimpleNamespace

import pytest

from zostudy.console.time_left import LEAST_DOUBT, MOST_SLICES, TimeLeft, eta

UNKNOWN = (inf, inf)


def follow(rates: Iterable[float], n_queries: int, seconds: float = 3.0) -> list[tuple[float, float]]:
    """Returns what is told at the end of each slice, in each of which the rate stays the same."""
    clock = SimpleNamespace(now=1000.0)
    left, spent, told = TimeLeft(lambda: clock.now), 0.0, list[tuple[float, float]]()
    left.progressed(0)
    for rate in rates:
        clock.now += seconds
        spent += rate * seconds
        left.progressed(round(spent))
        told.append(left.range(n_queries - round(spent)) or UNKNOWN)
    return told


def test_a_steady_rate_gives_the_time_and_the_least_doubt() -> None:
    told = follow([10] * 6, 1000)
    assert told[:2] == [UNKNOWN, UNKNOWN]
    assert told[2] == pytest.approx((91 / (1 + LEAST_DOUBT), 91 / (1 - LEAST_DOUBT)))
    assert told[3] == pytest.approx((told[2][0] - 3, told[2][1] - 3))  # the clock alone moves it


def test_a_rate_that_varies_widens_the_range() -> None:
    (low, high), (steady_low, steady_high) = follow([5, 15, 5, 15], 1000)[-1], follow([10] * 4, 1000)[-1]
    assert low < steady_low < steady_high < high


def test_what_was_told_stands_while_the_rate_only_flickers() -> None:
    told = follow([8, 12, 9, 11] * 20, 5000)[2:]
    ends = [round(high + 3 * n) for n, (_, high) in enumerate(told)]
    assert len({*ends}) <= 3
    assert ends == sorted(ends) or ends == sorted(ends, reverse=True)


def test_the_least_time_is_estimated_anew_once_it_has_passed() -> None:
    told = follow([1, 19, 1, *[10] * 22], 800)
    assert told[3][0] == pytest.approx(told[2][0] - 3)
    assert all(low > 0 for low, _ in told)


def test_a_lasting_change_of_the_rate_moves_the_range() -> None:
    slowed = follow([10] * 10 + [2] * 30, 2000)
    assert slowed[-1][0] > 0.5 * (2000 - 300 - 180) / 10
    assert slowed[-1][1] > slowed[9][1]


def test_long_studies_keep_few_slices() -> None:
    clock = SimpleNamespace(now=0.0)
    left = TimeLeft(lambda: clock.now)
    for second in range(0, 9000, 3):
        clock.now = float(second)
        left.progressed(second * 2)
    assert len(left._marks) <= MOST_SLICES + 1
    assert left.range(200) == pytest.approx((100 / 1.1, 100 / 0.9))


def test_one_slow_trial_takes_its_own_time_however_fast_the_others_were() -> None:
    clock = SimpleNamespace(now=0.0)
    left = TimeLeft(lambda: clock.now)
    for second in range(0, 15, 3):
        clock.now = float(second)
        left.progressed(second * 10)
    assert left.range(50, longest_trial=180.0) == pytest.approx((180 / (1 + LEAST_DOUBT), 180 / (1 - LEAST_DOUBT)))
    left.restart()
    for second in range(15, 30, 3):
        clock.now = float(second)
        left.progressed(second * 10)
    assert left.range(5000, longest_trial=180.0) == left.range(5000)


def test_nothing_left_takes_no_time_and_other_replicas_are_measured_anew() -> None:
    clock = SimpleNamespace(now=0.0)
    left = TimeLeft(lambda: clock.now)
    assert left.range(0) == (0.0, 0.0)
    for second in range(0, 15, 3):
        clock.now = float(second)
        left.progressed(second)
    assert left.range(10) is not None
    left.restart()
    assert left.range(10) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "ETA ?"), ((0.0, 0.0), "ETA 0:00"), ((110.0, 140.0), "ETA 1:50-2:20"), ((3.1, 3.4), "ETA 0:03")],
)
def test_the_time_left_in_words(seconds: tuple[float, float] | None, text: str) -> None:
    assert eta(seconds) == text
