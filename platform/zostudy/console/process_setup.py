"""Prepares this process for long work: its docstrings, its signals, and a working directory that exists."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType

from zostudy.errors import ZostudyError

_log = logging.getLogger(__name__)

_CODE_OF_IMPORT = "<frozen importlib._bootstrap>"


def check_docstrings() -> None:
    """Checks that Python keeps docstrings, which transformers needs and the command line shows.

    Raises:
        ZostudyError: it does not.
    """
    if sys.flags.optimize > 1:
        raise ZostudyError(
            "Python must keep docstrings, which transformers reads",
            got="PYTHONOPTIMIZE=2 or -OO drops them",
            remedy="leave that out",
        )


def interrupt_on_termination() -> None:
    """Makes SIGTERM and SIGHUP interrupt the process as Ctrl-C does, and SIGINT too, which background jobs ignore."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        signal.signal(signal.SIGHUP, _interrupt)
    sys.unraisablehook = _interrupt_again


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupts the process; a moment later if Python's own code of ``import`` runs, which would keep its lock.

    Another thread that imports would then wait for ever.
    """
    if frame is not None and frame.f_code.co_filename == _CODE_OF_IMPORT:
        _interrupt_soon()
    else:
        signal.default_int_handler(number, frame)


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupts once more where Python cannot raise the interrupt, as while it frees a lock or forks, and drops it."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _interrupt_soon()
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt_soon() -> None:
    """Interrupts the main thread in a moment, but not while Python ends: that would cut off a library's clean-up."""
    main = threading.main_thread()
    if main.is_alive():
        threading.Timer(0.1, signal.pthread_kill, (main.ident, signal.SIGINT)).start()


def end_interrupted_line() -> None:
    """Ends the line on which a terminal has shown ``^C``."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write("\n")


def leave_deleted_folder() -> None:
    """Changes to ``/dev/fd`` and logs it if the working directory has been deleted, as a batch job's folder may be.

    Libraries such as Ray ask for the working directory. No file can be made in ``/dev/fd``, so relative paths fail.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        _log.info("the working directory has been deleted, so only absolute paths work")
        os.chdir("/dev/fd")
