"""Processor seconds of this process and its child processes, by kind of process."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TypeAlias

import psutil

DRIVER, REPLICAS, TRIALS, RAY = KINDS = ("driver", "replicas", "trials", "Ray")
"""The kinds of processes: this one, those that score prompts, those that run trials, and Ray's own."""

ProcessKey: TypeAlias = tuple[int, float]
"""Process id and time of creation."""

IDLE = "idle worker"  # a Ray worker without work

_KINDS = {"ray::Replica": REPLICAS, "ray::ImplicitFunc": TRIALS}  # the latter is Tune's class of a function


@dataclass
class ProcessUse:
    """A process: its kind, its name such as ``raylet``, and its processor seconds so far."""

    kind: str
    name: str
    seconds: float = 0.0


class ProcessTimes:
    """Samples the processes. A process that has ended keeps the seconds of its last sample.

    Attributes:
        processes: all processes so far.
    """

    def __init__(self) -> None:
        self._own = psutil.Process()
        self.processes: dict[ProcessKey, ProcessUse] = {}

    def sample(self) -> dict[ProcessKey, float]:
        """Returns the processor seconds that each process has used until now."""
        for process in [self._own, *self._own.children(recursive=True)]:
            with suppress(psutil.Error):  # it has ended meanwhile, or access is denied
                self._update(process)
        return {key: use.seconds for key, use in self.processes.items()}

    def _update(self, process: psutil.Process) -> None:
        command = process.cmdline()
        kind, name = (DRIVER, DRIVER) if process == self._own else kind_of(command, process.name())
        use = self.processes.setdefault((process.pid, process.create_time()), ProcessUse(kind, name))
        if command and name != IDLE:  # a process keeps the name of its work, of which 15 letters are left when it ends
            use.kind, use.name = kind, name
        times = process.cpu_times()
        use.seconds = max(use.seconds, times.user + times.system)


def kind_of(command: list[str], name: str) -> tuple[str, str]:
    """Returns the kind of a process, and its name: that of Ray's class, or of the program or script that it runs.

    ``command`` is its command line, which is empty after its end, and ``name`` its name in the system's process table.
    """
    title = command[0] if command else name
    if title.startswith("ray::IDLE") or any("default_worker" in part for part in command):
        return RAY, IDLE
    if title.startswith("ray::"):
        name = title.split(".")[0]
        return _KINDS.get(name, RAY), name
    script = next((part for part in command[1:3] if part.endswith(".py")), title.split()[0])
    return RAY, PurePath(script).stem


@dataclass
class Phase:
    """The wall seconds of a phase so far, and the processor seconds of each process in it."""

    wall: float = 0.0
    used: dict[ProcessKey, float] = field(default_factory=dict)


class PhaseTimes:
    """Divides wall and processor seconds into phases, each of which ends where the next begins.

    Attributes:
        name: of the current phase.
        ended: the phases that have ended, by name; a phase that occurs again is added to its first part.
    """

    def __init__(
        self, sample: Callable[[], dict[ProcessKey, float]], first: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begins the phase ``first``; ``sample`` returns each process's processor seconds until now."""
        self._sample, self._clock = sample, clock
        self.name, self._began, self._used = first, clock(), sample()
        self.ended: dict[str, Phase] = {}

    def begin(self, name: str) -> None:
        """Ends the current phase, and begins another one."""
        now, used = self._clock(), self._sample()
        phase = self.ended.setdefault(self.name, Phase())
        phase.wall += now - self._began
        for key, seconds in used.items():
            phase.used[key] = phase.used.get(key, 0.0) + seconds - self._used.get(key, 0.0)
        self.name, self._began, self._used = name, now, used
