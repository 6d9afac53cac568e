"""This process while it drives a study: environment variables, import paths, and the end by SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.job_config import JobConfig

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "PYTHONBREAKPOINT": "pdb.set_trace",
}
"""Ray prints no migration plans, reports no usage and keeps its debugger to itself, unless the user wants it to."""


@contextmanager
def environment(settings: Mapping[str, str | None], keep: bool = False) -> Iterator[None]:
    """Sets variables of this process and of those that it starts, and restores them at the end.

    Args:
        settings: values by name; None hides a variable.
        keep: leaves variables alone that the user has set.
    """
    before = {name: os.environ.get(name) for name in settings}
    _set({name: value for name, value in settings.items() if not keep or before[name] is None})
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def same_handlers(*signals: signal.Signals) -> Iterator[None]:
    """Restores the handlers of signals, for which Ray and Tune install their own, at the end."""
    handlers = {number: signal.getsignal(number) for number in signals}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None and threading.current_thread() is threading.main_thread():
                signal.signal(number, handler)


@contextmanager
def own_sigterm() -> Iterator[None]:
    """Keeps Ray, while it starts, from setting handlers of SIGTERM, which exit with codes of their own.

    Where Python has no handler, Ray's are set: they end Ray in order.

    Ray's C++ core also sets a handler. It prints a stack, calls Python's handler, and aborts the process by an alarm
    three seconds later. So this sets Python's handler again after the start. If the start fails or is interrupted, this
    also turns the alarm off.
    """
    from ray._private import utils  # Ray offers no other way

    original = utils.set_sigterm_handler
    if callable(signal.getsignal(signal.SIGTERM)):
        utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    except BaseException:
        signal.alarm(0)
        raise
    finally:
        utils.set_sigterm_handler = original
        handler = signal.getsignal(signal.SIGTERM)
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def own_paths() -> JobConfig:
    """Returns a job's config by which workers import from where this process does.

    Ray would add the script's folder and the working directory, where a scratch file such as ``numpy.py`` would hide
    the library. They stay if this process itself imports from them, as a script or a notebook there does.
    """
    from ray.job_config import JobConfig

    class OwnPaths(JobConfig):
        def _get_proto_job_config(self) -> Any:  # the only step between Ray's choice of paths and their use
            if "" not in sys.path:
                self._py_driver_sys_path = [folder for folder in self._py_driver_sys_path if folder in sys.path]
            return super()._get_proto_job_config()  # type: ignore[no-untyped-call]

    return OwnPaths()
