"""Finds replicas that hang: Ray restarts a process that died, but not one that makes no progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ray

from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import CONTROL

MOST_BATCH_SECONDS = 600.0
"""A replica may work this long on one micro-batch. Most take a tenth of a second of a core, and few take a minute."""


@dataclass(frozen=True)
class _Sign:
    """The last sign of progress of a replica.

    Attributes:
        call: the control call that is out, for the next one.
        batch: the micro-batch that it works on; None before its first answer, and while it is idle.
        since: when it first reported this batch.
    """

    call: Any
    batch: int | None
    since: float


class HangDetector:
    """Polls each replica for the micro-batch that it works on. Calls that wait in its queue do not count."""

    def __init__(self, ray_api: RayApi) -> None:
        """Starts without replicas."""
        self._ray = ray_api
        self._signs: dict[Any, _Sign] = {}

    def hanging(self, replicas: Iterable[Any]) -> list[Any]:
        """Returns the replicas that have worked on one micro-batch, or have not answered at all, for too long.

        Args:
            replicas: that should answer; others are forgotten.
        """
        now = self._ray.now()
        self._signs = {replica: self._follow(replica, self._signs.get(replica), now) for replica in replicas}
        hanging = [replica for replica, sign in self._signs.items() if now - sign.since > MOST_BATCH_SECONDS]
        for replica in hanging:
            del self._signs[replica]
        return hanging

    def _follow(self, replica: Any, last: _Sign | None, now: float) -> _Sign:
        if last is not None and not self._ray.wait([last.call], seconds=0):
            return last
        call = replica.current_batch.options(concurrency_group=CONTROL).remote()
        if last is None:
            return _Sign(call, None, now)
        try:
            batch = self._ray.get(last.call)
        except ray.exceptions.RayError:  # it has died, which the replica set handles
            batch = None
        return _Sign(call, batch, last.since if batch is not None and batch == last.batch else now)
