"""Interleaves contenders round by round, so that machine noise affects all of them equally."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

LEAST_SECONDS = 1.0
"""A call that is quicker is made again until this much time has gone."""

_log = logging.getLogger(__name__)

Name = TypeVar("Name")
Measured = TypeVar("Measured")


def in_turn(
    contenders: Mapping[Name, Callable[[], Measured]], rounds: int, what: str = ""
) -> dict[Name, list[Measured]]:
    """Returns what each contender measured, one value a round.

    Args:
        contenders: measurements, made in this order in every round; they have been warmed up.
        rounds: at least 1.
        what: the name of the measurement in the log; without one, no round is logged.
    """
    measured: dict[Name, list[Measured]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        if what:
            _log.info("%s: round %d of %d", what, number, rounds)
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
