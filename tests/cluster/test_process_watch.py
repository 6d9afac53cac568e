"""What a study is told when a process of its Ray dies; plain processes stand for Ray's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from subprocess import Popen

import pytest

from zostudy.cluster import process_watch
from zostudy.cluster.process_watch import watched_processes
from zostudy.errors import LostRayError

Processes = dict[str, Popen[bytes]]


@pytest.fixture
def processes() -> Iterator[Processes]:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    running = {name: subprocess.Popen(command) for name in ("raylet", "gcs_server")}
    yield running
    for process in running.values():
        process.kill()
        process.wait()


def _end(processes: Processes) -> Callable[[], None]:
    def shutdown() -> None:
        for process in processes.values():
            process.kill()

    return shutdown


def _kill_and(processes: Processes, victim: str, then: Callable[[], object]) -> None:
    with watched_processes(processes, _end(processes)):
        processes[victim].kill()
        then()


def _fail(error: BaseException, processes: Processes) -> None:
    processes["raylet"].wait()
    raise error


@pytest.mark.parametrize(("victim", "name"), [("raylet", "raylet"), ("gcs_server", "GCS")])
def test_a_death_ends_what_waits(processes: Processes, victim: str, name: str) -> None:
    with pytest.raises(LostRayError, match=f"its {name} was ended by SIGKILL"):
        _kill_and(processes, victim, lambda: time.sleep(600))


def test_the_error_that_comes_of_a_death_is_told_as_the_death(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_watch, "SECONDS_BETWEEN_CHECKS", 60.0)
    with pytest.raises(LostRayError, match="raylet was ended by SIGKILL"):
        _kill_and(processes, "raylet", lambda: _fail(ConnectionError("Ray's own words"), processes))


def test_ctrl_c_stays_an_interrupt_though_a_process_ends_with_it(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_watch, "SECONDS_BETWEEN_CHECKS", 60.0)
    with pytest.raises(KeyboardInterrupt):
        _kill_and(processes, "raylet", lambda: _fail(KeyboardInterrupt(), processes))


def test_processes_that_live_explain_nothing(processes: Processes) -> None:
    with pytest.raises(ValueError, match="of the study"), watched_processes(processes, _end(processes)):
        raise ValueError("of the study")
    assert [process.wait() for process in processes.values()] == [-signal.SIGKILL] * 2


def test_processes_that_are_ended_at_the_end_interrupt_nobody(processes: Processes) -> None:
    with watched_processes(processes, _end(processes)):
        pass
    for process in processes.values():
        process.wait()
    assert not [thread for thread in threading.enumerate() if "process-watch" in thread.name and _goes_on(thread)]


def _goes_on(thread: threading.Thread) -> bool:
    thread.join(10)
    return thread.is_alive()


def test_a_study_that_cannot_end_is_ended() -> None:
    script = """
import signal, subprocess, sys, time
from zostudy.cluster import process_watch
process_watch.END_SECONDS = 0.5
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as where Ray never comes back to Python
process = subprocess.Popen([sys.executable, "-c", ""])
with process_watch.watched_processes({"gcs_server": process}, print):
    time.sleep(600)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        "error: Ray must live as long as the study, but its GCS ended with exit code 0; "
        "run again: all that has finished is kept"
    ]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_block_cleans_up_though_ray_ends_by_the_same_signal(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, ending: signal.Signals
) -> None:
    monkeypatch.setattr(process_watch, "SECONDS_BETWEEN_CHECKS", 0.01)
    monkeypatch.setattr(process_watch, "END_SECONDS", 60.0)
    before, cleaned = signal.signal(ending, signal.default_int_handler), threading.Event()

    def clean_up_when_interrupted() -> None:
        try:
            signal.raise_signal(ending)
        finally:
            processes["raylet"].terminate()
            processes["raylet"].wait()
            time.sleep(0.5)
            cleaned.set()

    try:
        with pytest.raises(KeyboardInterrupt), watched_processes(processes, _end(processes)):
            clean_up_when_interrupted()
        assert signal.getsignal(ending) is signal.default_int_handler
    finally:
        signal.signal(ending, before)
    assert cleaned.is_set()


def test_what_fails_after_a_signal_because_ray_has_ended_too_is_the_interrupt(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_watch, "SECONDS_BETWEEN_CHECKS", 60.0)

    def clean_up_in_vain() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            _fail(ConnectionError("Ray's own words"), processes)

    with pytest.raises(KeyboardInterrupt):
        _kill_and(processes, "raylet", clean_up_in_vain)


def test_a_signal_that_interrupts_nothing_leaves_a_death_to_do_so(processes: Processes) -> None:
    def wait_after_a_signal() -> None:
        signal.raise_signal(signal.SIGTERM)
        processes["raylet"].kill()
        time.sleep(600)

    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with pytest.raises(LostRayError), watched_processes(processes, _end(processes)):
            wait_after_a_signal()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_process_that_was_asked_to_end_and_cannot_is_ended_as_interrupted() -> None:
    script = """
import signal, subprocess, sys, time
from zostudy.cluster import process_watch
process_watch.END_SECONDS = 0.5
signal.signal(signal.SIGTERM, signal.default_int_handler)
process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with process_watch.watched_processes({"gcs_server": process}, print):
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        process.kill()
        time.sleep(600)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ))
    assert ended.returncode == 130
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        "interrupted: Ray had ended too, so that cleaning up took too long; run again to go on"
    ]
