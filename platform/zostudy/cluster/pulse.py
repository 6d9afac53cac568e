"""Whether replicas get on with their work: Ray restarts a process that died, but not one that hangs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zostudy.cluster.replica import ASIDE

MOST_UNIT_SECONDS = 600.0
"""For which a replica may work on one unit; most take a tenth of a second of a core, and few take a minute."""


@dataclass
class _Sign:
    """What a replica last said of its work.

    Attributes:
        call: that is out, for it to say more.
        unit: which one it works on; None before its first answer, and while it has no work.
        since: when it first said that.
    """

    call: Any
    unit: int | None
    since: float


class Pulse:
    """Asks each replica which unit it works on, again and again; how many calls wait there does not matter."""

    def __init__(self) -> None:
        """Has asked nobody yet."""
        self._signs: dict[Any, _Sign] = {}

    def hanging(self, replicas: Iterable[Any]) -> list[Any]:
        """Returns those that have worked on the same unit, or not answered at all, for too long.

        Args:
            replicas: that should answer; others are forgotten.
        """
        now = time.monotonic()
        self._signs = {replica: _follow(replica, self._signs.get(replica), now) for replica in replicas}
        hanging = [replica for replica, sign in self._signs.items() if now - sign.since > MOST_UNIT_SECONDS]
        for replica in hanging:
            del self._signs[replica]
        return hanging


def _follow(replica: Any, last: _Sign | None, now: float) -> _Sign:
    """Returns what is known of a replica by now, with a call out."""
    import ray

    if last is not None and not ray.wait([last.call], timeout=0)[0]:
        return last
    call = replica.at_work.options(concurrency_group=ASIDE).remote()
    if last is None:
        return _Sign(call, None, now)
    try:
        unit = ray.get(last.call)
    except ray.exceptions.RayError:  # it has died, which others see to
        unit = None
    return _Sign(call, unit, last.since if unit is not None and unit == last.unit else now)
