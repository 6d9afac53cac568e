"""Prepares this process for long work: its docstrings, its signals, and a working directory that exists."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from zostudy.errors import ZostudyError

_log = logging.getLogger(__name__)


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
        signal.signal(ending, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    sys.unraisablehook = _interrupt_again


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupts once more where Python cannot raise the interrupt, as while it frees a lock or forks, and drops it.

    While Python ends, it does not: a second interrupt would cut off another library's clean-up.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        main = threading.main_thread()
        if main.is_alive():
            threading.Timer(0.1, signal.pthread_kill, (main.ident, signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(unraisable)


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
