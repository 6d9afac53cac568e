"""Whether replicas answer at all: Ray restarts a process that died, but not one that hangs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

MOST_SILENT_SECONDS = 600.0
"""For which a replica may keep silent; a unit of work takes a tenth of a second of a core, so few take a minute."""


class Pulse:
    """Asks each replica for a sign of life, which it gives between two units of work."""

    def __init__(self) -> None:
        """Has asked nobody yet."""
        self._asked: dict[Any, tuple[Any, float]] = {}  # call and time by replica

    def hanging(self, replicas: Iterable[Any]) -> list[Any]:
        """Returns those that have kept silent for too long, and asks whoever has answered again.

        Args:
            replicas: that should answer; others are forgotten.
        """
        import ray

        now = time.monotonic()
        known = {replica: self._asked.get(replica) for replica in replicas}
        calls = [asked[0] for asked in known.values() if asked]
        answered = {*ray.wait(calls, num_returns=len(calls), timeout=0)[0]} if calls else set()
        self._asked = {
            replica: asked if asked and asked[0] not in answered else (replica.alive.remote(), now)
            for replica, asked in known.items()
        }
        silent = [replica for replica, (_, since) in self._asked.items() if now - since > MOST_SILENT_SECONDS]
        for replica in silent:
            del self._asked[replica]
        return silent
