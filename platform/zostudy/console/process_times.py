"""Processor seconds of this process and of all that it started, by what they are for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeAlias

import psutil

DRIVER, REPLICAS, TRIALS, RAY = KINDS = ("driver", "replicas", "trials", "Ray")
"""What a process is for: this one, those that score prompts, those that run trials, and Ray's own."""

ProcessKey: TypeAlias = tuple[int, float]
"""Process id and time of creation."""

IDLE = "idle worker"
"""The name of a worker of Ray's that has no work yet, or no longer."""


@dataclass
class ProcessUse:
    """A process that was seen.

    Attributes:
        kind: one of ``KINDS``.
        name: such as ``raylet``.
        seconds: of processor time, at the last look.
    """

    kind: str
    name: str
    seconds: float = 0.0


class ProcessTimes:
    """Looks at the processes again and again. One that has ended keeps what it had at the last look.

    Attributes:
        processes: all that were seen.
    """

    def __init__(self) -> None:
        """Knows this process alone."""
        self._own = psutil.Process()
        self.processes: dict[ProcessKey, ProcessUse] = {}

    def look(self) -> dict[ProcessKey, float]:
        """Returns the processor seconds that each process has used until now."""
        for process in [self._own, *self._own.children(recursive=True)]:
            with suppress(psutil.Error):  # it has ended meanwhile, or may not be seen
                self._see(process)
        return {key: use.seconds for key, use in self.processes.items()}

    def _see(self, process: psutil.Process) -> None:
        kind, name = (DRIVER, DRIVER) if process == self._own else kind_of(process.cmdline(), process.name())
        use = self.processes.setdefault((process.pid, process.create_time()), ProcessUse(kind, name))
        if name != IDLE:  # a worker keeps the name of its work
            use.kind, use.name = kind, name
        times = process.cpu_times()
        use.seconds = max(use.seconds, times.user + times.system)


def kind_of(command: list[str], name: str) -> tuple[str, str]:
    """Returns what a process is for, and its name: that of Ray's class, or of the program or script that it runs.

    Args:
        command: its command line; empty of one that has ended.
        name: its name in the system's table.
    """
    title = command[0] if command else name
    if title.startswith("ray::IDLE") or any("default_worker" in part for part in command):
        return RAY, IDLE
    if title.startswith("ray::"):
        return REPLICAS if "Replica" in title else TRIALS, title.split(".")[0]
    script = next((part for part in command[1:3] if part.endswith(".py")), title.split()[0])
    return RAY, PurePath(script).stem


@dataclass(frozen=True)
class Phase:
    """A stretch of a run.

    Attributes:
        name: what was done.
        wall: seconds.
        used: processor seconds by process.
    """

    name: str
    wall: float
    used: dict[ProcessKey, float]


class PhaseTimes:
    """Divides wall and processor seconds into phases, each of which ends where the next begins."""

    def __init__(
        self, look: Callable[[], dict[ProcessKey, float]], first: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begins the first phase, in which nothing counts that was used before.

        Args:
            look: returns the processor seconds that each process has used until now.
            first: name of the first phase.
            clock: returns seconds.
        """
        self._look, self._clock = look, clock
        self._name, self._began, self._used = first, clock(), look()
        self._ended: list[Phase] = []

    @property
    def name(self) -> str:
        """The phase that goes on."""
        return self._name

    def begin(self, name: str) -> None:
        """Ends the phase that goes on, and begins another one."""
        now, used = self._clock(), self._look()
        spent = {key: seconds - self._used.get(key, 0.0) for key, seconds in used.items()}
        self._ended.append(Phase(self._name, now - self._began, spent))
        self._name, self._began, self._used = name, now, used

    def ended(self) -> Iterator[Phase]:
        """Yields the phases that have ended, those of one name as one, in the order of their first beginnings."""
        for name in dict.fromkeys(phase.name for phase in self._ended):
            same = [phase for phase in self._ended if phase.name == name]
            used: Counter[ProcessKey] = Counter()
            for phase in same:
                used.update(phase.used)
            yield Phase(name, sum(phase.wall for phase in same), dict(used))
