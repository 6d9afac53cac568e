"""Interrupts of verbs that take long."""

from __future__ import annotations

import signal
import sys


def interrupt_on_termination() -> None:
    """Makes SIGTERM and SIGHUP end the process as Ctrl-C does, and a background job heed SIGINT, which it ignores."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def end_interrupted_line() -> None:
    """Ends the line on which a terminal has shown ``^C``."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write("\n")
