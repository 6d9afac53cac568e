"""Whether the processes of a Ray of this machine live: without them Ray ends this one, late and without a word."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from subprocess import Popen
from typing import Any

from zostudy.errors import LostRayError

SECONDS_BETWEEN_LOOKS = 0.2
LEAVING_SECONDS = 20.0
"""For which the study may take to end once a process has died; Ray can keep it waiting for a minute, or for ever."""

NAMES = {"raylet": "raylet", "gcs_server": "GCS"}
"""The processes that Ray cannot do without, by what Ray calls them inside."""


@contextmanager
def watched_processes(processes: Mapping[str, Popen[Any]], shutdown: Callable[[], object]) -> Iterator[None]:
    """Ends the block by an error as soon as one of the processes dies, and shuts Ray down after it.

    Where that takes more than 20 seconds after a death, this process ends itself, with exit code 1.

    Args:
        processes: by their names.
        shutdown: ends all of Ray.

    Raises:
        LostRayError: one has died.
    """
    watch = _Watch(processes, interrupts=threading.current_thread() is threading.main_thread())
    watch.start()
    try:
        yield
    except BaseException as error:
        if watch.explains(error):
            raise LostRayError(watch.death) from error
        raise
    finally:
        watch.leave()
        shutdown()
        watch.end()


class _Watch(threading.Thread):
    """Looks again and again whether the processes live.

    Attributes:
        death: what to tell of the first one that has died; empty while all live.
    """

    def __init__(self, processes: Mapping[str, Popen[Any]], interrupts: bool) -> None:
        super().__init__(name="zostudy-process-watch", daemon=True)
        self.death = ""
        self._processes = processes
        self._interrupts, self._interrupted = interrupts, False
        self._leaving, self._ended = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        while not self._leaving.wait(SECONDS_BETWEEN_LOOKS):
            if self._look():
                self._interrupt()
                if not self._ended.wait(LEAVING_SECONDS):
                    print(f"error: {self.death}", file=sys.stderr, flush=True)
                    os._exit(LostRayError.exit_code)
                return

    def explains(self, error: BaseException) -> bool:
        """Tells whether a death ended the block; that of a user's Ctrl-C is not one's doing."""
        return self._look() and (self._interrupted or isinstance(error, Exception))

    def leave(self) -> None:
        """Interrupts nobody from now on, as the processes are about to be ended."""
        with self._lock:
            self._leaving.set()

    def end(self) -> None:
        """Everything has been ended."""
        self._ended.set()

    def _look(self) -> bool:
        for name, process in self._processes.items():
            if not self.death and (code := process.poll()) is not None:
                end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
                self.death = (
                    f"Ray must live as long as the study, but its {NAMES[name]} {end}; "
                    "run again: all that has finished is kept"
                )
        return bool(self.death)

    def _interrupt(self) -> None:
        with self._lock:
            if self._interrupts and not self._leaving.is_set():
                self._interrupted = True
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
