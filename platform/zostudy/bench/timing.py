"""Interleaves contenders round by round, so that machine noise affects all of them equally."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

Say: TypeAlias = Callable[[str], None]
"""Takes a line of progress."""

LEAST_SECONDS = 1.0
"""A call that is quicker is made again until this much time has gone."""

Name = TypeVar("Name")
Measured = TypeVar("Measured")


def in_turn(contenders: Mapping[Name, Callable[[], Measured]], rounds: int, say: Say) -> dict[Name, list[Measured]]:
    """Returns what each contender measured, one value a round.

    Args:
        contenders: measurements, made in this order in every round; they have been warmed up.
        rounds: at least 1.
        say: is told of each round.
    """
    measured: dict[Name, list[Measured]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}")
        for name, measure in contenders.items():
            measured[name].append(measure())
    return measured


def seconds_per_call(call: Callable[[], object]) -> float:
    """Returns the mean seconds of a call, repeated for ``LEAST_SECONDS``."""
    calls, began = 0, time.perf_counter()
    while True:
        call()
        calls += 1
        elapsed = time.perf_counter() - began
        if elapsed >= LEAST_SECONDS:
            return elapsed / calls
