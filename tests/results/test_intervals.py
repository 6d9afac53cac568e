from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.results.intervals import Interval, t_interval


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=12, unique=True))
def test_interval_is_students(values: list[float]) -> None:
    low, high = scipy.stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=scipy.stats.sem(values))
    mean, half_width = t_interval(values)
    assert mean is not None
    assert half_width is not None
    assert mean - half_width == pytest.approx(low, abs=1e-9)
    assert mean + half_width == pytest.approx(high, abs=1e-9)


def test_too_few_values_leave_it_open() -> None:
    assert t_interval([]) == Interval(None, None)
    assert t_interval([0.5]) == Interval(0.5, None)
    assert t_interval([0.5, 0.5]) == Interval(0.5, 0.0)
