"""The profile of a run: wall and processor seconds by phase and kind of process, and Ray's timeline."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from zostudy.cluster.driver_process import environment
from zostudy.console.process_times import KINDS, RAY, REPLICAS, TRIALS, Phase, PhaseTimes, ProcessTimes, ProcessUse
from zostudy.results.storage import Storage
from zostudy.results.table_formats import Table, plain
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress

_log = logging.getLogger(__name__)

TIMELINE = "timeline.json"
PROFILING = {"RAY_PROFILING": "1"}  # makes Ray record every task and actor call for its timeline

_SECONDS_BETWEEN_SAMPLES = 0.5
_MOST_NAMES = 6
_LEAST_SHOWN = 0.05  # seconds; less is 0.0 in the table


@contextmanager
def profiled(storage: Storage, wanted: bool) -> Iterator[list[Callback]]:
    """Yields a callback that measures a run, if ``wanted``, and logs its table at the end.

    ``storage`` is the folder of the study's results, which gets Ray's timeline.
    """
    if not wanted:
        yield []
        return
    profile = Profile(storage)
    with environment(PROFILING), profile.watching():
        yield [profile]
    for line in plain(profile.table()).splitlines():
        _log.info("%s", line)


class Profile(Callback):
    """Measures the phases of a run and the processes that it starts on this machine."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._processes = ProcessTimes()
        self._lock = threading.Lock()
        self._phases = PhaseTimes(self._processes.sample, "reading the data")
        self._notes: list[str] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Samples the processes twice a second, as they may end at any time."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_SECONDS_BETWEEN_SAMPLES):
                with self._lock:
                    self._processes.sample()

        thread = threading.Thread(target=watch, name="zostudy-profile", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self._begin("")

    def on_phase(self, what: str) -> None:
        """Begins the phase."""
        self._begin(what)

    def on_study_start(self, progress: StudyProgress, n_replicas: int) -> None:
        """Begins the search."""
        self._begin("search")

    def on_trial_start(self, assignment: Assignment) -> None:
        """Begins the phase ``confirm`` with the first confirm trial; search trials of other cells may still run."""
        if assignment.stage == "confirm" and self._phases.name == "search":
            self._begin("confirm")

    def on_study_end(self, progress: StudyProgress) -> None:
        """Writes Ray's timeline, and begins the phase in which Ray ends."""
        import ray

        self._begin("writing the timeline")
        self._storage.write(TIMELINE, json.dumps(ray.timeline()).encode())
        self._notes.append(
            f"Ray's timeline: {self._storage / TIMELINE}; open it in ui.perfetto.dev or chrome://tracing."
        )
        self._begin("ending Ray")

    def table(self) -> Table:
        """Returns each phase's wall seconds, and its processor seconds by kind of process."""
        phases = [(name, self._seconds(phase)) for name, phase in self._phases.ended.items()]
        shown = [(name, seconds) for name, seconds in phases if max(seconds) >= _LEAST_SHOWN]
        all_of_them = [sum(column) for column in zip(*(seconds for _, seconds in phases), strict=True)]
        return Table(
            columns=("phase", "wall s", "CPU s", *KINDS),
            rows=tuple(
                (name, *(f"{each:.1f}" for each in seconds)) for name, seconds in [*shown, ("all", all_of_them)]
            ),
            title="Wall and processor seconds:",
            notes=(*_process_notes([*self._processes.processes.values()]), *self._notes),
            below=1,
        )

    def _seconds(self, phase: Phase) -> list[float]:
        """Returns the wall seconds, the processor seconds of all processes, and those of each kind."""
        kinds = {key: use.kind for key, use in self._processes.processes.items()}
        by_kind = [sum(seconds for key, seconds in phase.used.items() if kinds[key] == kind) for kind in KINDS]
        return [phase.wall, sum(by_kind), *by_kind]

    def _begin(self, phase: str) -> None:
        with self._lock:
            self._phases.begin(phase)


def _process_notes(processes: Sequence[ProcessUse]) -> Iterator[str]:
    """Yields the number of replicas and trial processes, and the processor seconds of Ray's processes by name."""
    for kind, name in ((REPLICAS, "Replicas"), (TRIALS, "Trial processes")):
        seconds = [use.seconds for use in processes if use.kind == kind]
        if seconds:
            yield f"{name}: {len(seconds)}, of {min(seconds):.1f} to {max(seconds):.1f} CPU s each."
    of_ray: dict[str, float] = {}
    for use in processes:
        if use.kind == RAY:
            of_ray[use.name] = of_ray.get(use.name, 0.0) + use.seconds
    most = sorted(of_ray.items(), key=lambda named: -named[1])[:_MOST_NAMES]
    if most:
        yield f"Ray, in CPU s: {', '.join(f'{name} {seconds:.1f}' for name, seconds in most)}."
