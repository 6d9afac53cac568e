"""Processor seconds are told apart by what a process is for, and by phase."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from zostudy.console.process_times import DRIVER, IDLE, RAY, REPLICAS, TRIALS, PhaseTimes, ProcessTimes, kind_of


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["ray::Replica.score"], (REPLICAS, "ray::Replica")),
        (["ray::ImplicitFunc.train"], (TRIALS, "ray::ImplicitFunc")),
        (["ray::RuntimeEnvAgent"], (RAY, "ray::RuntimeEnvAgent")),
        (["ray::IDLE_SpawnWorker"], (RAY, IDLE)),
        (["/usr/bin/python", "/site/ray/_private/workers/default_worker.py", "--node-ip"], (RAY, IDLE)),
        (["/usr/bin/python", "-u", "/site/ray/_private/log_monitor.py"], (RAY, "log_monitor")),
        (["/site/ray/core/src/ray/gcs/gcs_server", "--log_dir=/tmp"], (RAY, "gcs_server")),
        ([], (RAY, "raylet")),
    ],
)
def test_a_process_is_known_by_its_title_or_program(command: list[str], expected: tuple[str, str]) -> None:
    assert kind_of(command, "raylet") == expected


def test_a_process_that_has_ended_keeps_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    times, child = ProcessTimes(), psutil.Process(os.getppid())
    command = ["ray::ImplicitFunc.train"]
    monkeypatch.setattr(psutil.Process, "children", lambda own, recursive: [child])
    monkeypatch.setattr(psutil.Process, "cmdline", lambda process: command)
    monkeypatch.setattr(psutil.Process, "name", lambda process: "ray::ImplicitFu")
    times.sample()
    command.clear()
    times.sample()
    assert [(use.kind, use.name) for use in times.processes.values()] == [
        (DRIVER, DRIVER),
        (TRIALS, "ray::ImplicitFunc"),
    ]


WORK = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"


def test_a_process_keeps_what_it_had_used_when_it_ends() -> None:
    times = ProcessTimes()
    with subprocess.Popen([sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        seen = times.sample()
        child.communicate(b"\n")
    [of_child] = [key for key in seen if key[0] == child.pid]
    [own] = [key for key in seen if key[0] == os.getpid()]
    after = times.sample()
    assert after[of_child] == seen[of_child] >= 0.1  # the system counts in hundredths of a second
    assert after[own] >= seen[own] > 0
    assert (times.processes[own].kind, times.processes[of_child].kind) == (DRIVER, RAY)


def test_a_phase_ends_where_the_next_begins_and_one_that_comes_again_is_one() -> None:
    now, driver, raylet = 10.0, (1, 0.5), (2, 0.75)
    used = {driver: 1.0}  # before: it is in no phase
    phases = PhaseTimes(lambda: dict(used), "reading", clock=lambda: now)
    for name, wall, seconds in (("search", 2.0, 0.5), ("reading", 3.0, 4.0), ("", 1.0, 0.25)):
        now += wall
        used[driver] += seconds
        used[raylet] = 2.0
        phases.begin(name)
    assert [(name, phase.wall, phase.used) for name, phase in phases.ended.items()] == [
        ("reading", 3.0, {driver: 0.75, raylet: 2.0}),
        ("search", 3.0, {driver: 4.0, raylet: 0.0}),
    ]
