"""Watches the processes of a Ray of this machine: without them Ray ends this process, late and without a message."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from subprocess import Popen
from types import FrameType
from typing import Any

from zostudy.cluster.driver_process import same_handlers
from zostudy.deadline import end_process_unless
from zostudy.errors import INTERRUPTED, LostRayError

SECONDS_BETWEEN_CHECKS = 0.2
END_SECONDS = 20.0
"""After a process has died the study may take this long to end. Ray can keep it waiting for a minute, or for ever."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals by which a process is asked to end."""

NAMES = {"raylet": "raylet", "gcs_server": "GCS"}
"""The names of the processes that Ray needs, by the names that it uses inside."""


@contextmanager
def watched_processes(processes: Mapping[str, Popen[Any]], shutdown: Callable[[], object]) -> Iterator[None]:
    """Ends the block with an error as soon as one of the processes dies, and shuts Ray down after it.

    If that takes more than 20 seconds after a death, this process ends itself, with exit code 1.

    A batch system's signal ends this process and Ray's. If a signal has interrupted the block before a death, the death
    does not interrupt it again. The signal then counts as the cause of every later error: the exit code is 130.

    Args:
        processes: by their names.
        shutdown: ends all of Ray.

    Raises:
        LostRayError: one has died.
        KeyboardInterrupt: a signal has interrupted the block.
    """
    watch = _Watch(processes, interrupts=threading.current_thread() is threading.main_thread())
    watch.start()
    try:
        with watch.noting_signals():
            yield
    except BaseException as error:
        if cause := watch.cause_of(error):
            raise cause from error
        raise
    finally:
        watch.leave()
        shutdown()
        watch.end()


class _Watch(threading.Thread):
    """Checks again and again whether the processes live.

    Attributes:
        death: of the first one that died; None while all live.
    """

    def __init__(self, processes: Mapping[str, Popen[Any]], interrupts: bool) -> None:
        super().__init__(name="zostudy-process-watch", daemon=True)
        self.death: LostRayError | None = None
        self._processes = processes
        self._interrupts, self._interrupted = interrupts, False
        self._leaving, self._ended = threading.Event(), threading.Event()
        self._has_signal = False
        self._lock = threading.Lock()

    def run(self) -> None:
        while not self._leaving.wait(SECONDS_BETWEEN_CHECKS):
            if death := self._found_death():
                self._interrupt()
                line, exit_code = f"error: {death}", death.exit_code
                if self._signal_came_first:
                    line = "interrupted: Ray had ended too, so that cleaning up took too long; run again to go on"
                    exit_code = INTERRUPTED
                end_process_unless(self._ended, END_SECONDS, line, exit_code)
                return

    @contextmanager
    def noting_signals(self) -> Iterator[None]:
        """Notes each signal whose handler interrupts the block, so that the process is to end."""
        if not self._interrupts:
            yield
            return
        with same_handlers(*ENDING):
            for number in ENDING:
                if callable(handler := signal.getsignal(number)):
                    signal.signal(number, self._noting(handler))
            yield

    def _noting(self, handler: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], None]:
        def noted(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException:
                self._has_signal = True
                raise

        return noted

    def cause_of(self, error: BaseException) -> LostRayError | KeyboardInterrupt | None:
        """Returns the death that ended the block, or the interrupt if a signal did; None if the error is the cause."""
        death = self._found_death() if self._interrupted or isinstance(error, Exception) else None
        return KeyboardInterrupt() if death and self._signal_came_first else death

    @property
    def _signal_came_first(self) -> bool:
        """Whether a signal interrupted the block, and so no death did."""
        return self._has_signal and not self._interrupted

    def leave(self) -> None:
        """Stops checking, as the processes are about to be ended."""
        with self._lock:
            self._leaving.set()

    def end(self) -> None:
        """Stops the deadline, as everything has ended."""
        self._ended.set()

    def _found_death(self) -> LostRayError | None:
        for name, process in self._processes.items():
            if not self.death and (code := process.poll()) is not None:
                end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
                self.death = LostRayError(
                    "Ray must live as long as the study",
                    got=f"its {NAMES[name]} {end}",
                    remedy="run again: all that has finished is kept",
                )
        return self.death

    def _interrupt(self) -> None:
        with self._lock:
            if self._interrupts and not self._has_signal and not self._leaving.is_set():
                self._interrupted = True
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
