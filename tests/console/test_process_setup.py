from __future__ import annotations

import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator

import pytest

from zostudy.console.process_setup import interrupt_on_termination


@pytest.fixture
def interruptible(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    interrupt_on_termination()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_where_python_cannot_raise_it(interruptible: None, ending: signal.Signals) -> None:
    class Lock: ...

    def freed(_: object) -> None:
        signal.raise_signal(ending)

    lock = Lock()
    reference = weakref.ref(lock, freed)
    del lock
    with pytest.raises(KeyboardInterrupt):
        time.sleep(10)
    assert reference() is None


def test_a_signal_leaves_no_lock_of_python_s_imports_behind() -> None:
    script = """
import _frozen_importlib, signal, time
from functools import partial
from types import SimpleNamespace
from zostudy.console.process_setup import interrupt_on_termination
interrupt_on_termination()
locks = _frozen_importlib._imp
_frozen_importlib._imp = SimpleNamespace(
    acquire_lock=partial(signal.raise_signal, signal.SIGINT), release_lock=lambda: None
)
lock = _frozen_importlib._get_module_lock("a_module")
_frozen_importlib._imp = locks
print("released")
try:
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "released\ninterrupted\n", "")


def test_an_interrupt_at_the_end_of_python_cuts_off_one_thing_alone() -> None:
    script = """
import atexit, signal, time
from zostudy.console.process_setup import interrupt_on_termination
interrupt_on_termination()
atexit.register(lambda: print("done", time.sleep(0.5)))
atexit.register(signal.raise_signal, signal.SIGINT)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done None\n", "")


def test_other_errors_that_cannot_be_raised_are_shown(interruptible: None, capsys: pytest.CaptureFixture[str]) -> None:
    class Thing:
        def __del__(self) -> None:
            raise ValueError("of a thing")

    Thing()
    assert "ValueError: of a thing" in capsys.readouterr().err
