from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from zostudy.bench import evaluator, timing
from zostudy.bench.evaluator import MatrixProduct
from zostudy.bench.machine import peak_bytes, processor_threads, reset_peak
from zostudy.bench.timing import in_turn, seconds_per_call
from zostudy.lm.linear import Linear


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still; a test moves it by changing its only entry."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


def test_contenders_take_turns(logged: list[str]) -> None:
    counts = iter(range(6))
    measured = in_turn({"a": lambda: next(counts), "b": lambda: next(counts)}, 3, "loops")
    assert measured == {"a": [0, 2, 4], "b": [1, 3, 5]}
    assert logged == ["loops: round 1 of 3", "loops: round 2 of 3", "loops: round 3 of 3"]


@pytest.mark.parametrize(("durations", "mean"), [([5.0], 5.0), ([0.2, 0.1, 0.7, 9.0], 1.0 / 3)])
def test_a_quick_call_is_repeated_until_its_time_is_up(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, durations: list[float], mean: float
) -> None:
    monkeypatch.setattr(timing, "LEAST_SECONDS", 1.0)
    left: Iterator[float] = iter(durations)

    def call() -> None:
        clock[0] += next(left)

    assert seconds_per_call(call) == pytest.approx(mean)


def test_a_matrix_rate_is_that_of_the_quickest_product(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "MATRIX_SHAPE", (4, 3, 2))
    monkeypatch.setattr(evaluator, "MATRIX_SECONDS", 1.0)
    durations = iter([1.0, 1.0, *[0.5, 0.25, 0.5], *[2.0]])  # warm-up of both, then one way after the other

    def multiply(*_: object) -> None:
        clock[0] += next(durations)

    monkeypatch.setattr("torch.nn.functional.linear", multiply)
    monkeypatch.setattr(Linear, "__call__", multiply)
    assert MatrixProduct("float32").rate() == pytest.approx(2 * 4 * 3 * 2 / 0.25)


def test_the_peak_counts_what_was_freed_again_but_not_what_went_before() -> None:
    size = 2**28
    reset_peak("cpu")
    before = peak_bytes("cpu")
    held = torch.ones(size, dtype=torch.uint8)
    del held
    after = peak_bytes("cpu")
    assert 0.9 * size < after - before < 1.5 * size
    reset_peak("cpu")
    assert peak_bytes("cpu") < after - 0.5 * size


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with processor_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
