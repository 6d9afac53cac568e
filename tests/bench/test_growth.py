"""The growth section on a search of a few trials."""

from __future__ import annotations

import pytest

from zostudy.bench.growth import Cost, _growth, measure_growth
from zostudy.bench.report import SearchGrowth
from zostudy.bench.run import LONG_SECTIONS, SECTIONS, BenchPlan


def test_a_search_grows_to_each_size_and_its_driver_works_for_it() -> None:
    few, more = measure_growth((1, 3))
    assert (few.trials, more.trials) == (1, 3)
    for point in (few, more):
        assert 0 < point.proposal_seconds < point.driver_seconds <= point.total_seconds
    assert few.driver_seconds == few.total_seconds < more.total_seconds


def test_the_latest_trials_stand_for_a_size() -> None:
    costs = [*[Cost(9.0, 9.0)] * 9, *[Cost(0.25, 1.0)] * 9, *[Cost(0.5, 1.0)] * 2, *[Cost(0.75, 1.5)] * 9]
    assert _growth(costs) == SearchGrowth(29, 0.5, 1.5, 9 * 18 + 9 * 1.25 + 2 * 1.5 + 9 * 2.25)


def test_what_takes_long_is_measured_only_where_it_is_asked_for() -> None:
    assert {*SECTIONS} - {*BenchPlan().only} == {*LONG_SECTIONS} == {"growth", "query"}
    BenchPlan(only=SECTIONS).check()


def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(Exception, match="did you mean growth"):
        BenchPlan(only=["grow"]).check()
