"""How a verb that takes long ends before its time."""

from __future__ import annotations

import signal
import sys

INTERRUPTED = 130


def take_ends_as_interrupts() -> None:
    """Ends as Ctrl-C does where the process is asked to end, also as a job in the background, which ignores Ctrl-C."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def end_interrupted_line() -> None:
    """Ends the line on which a terminal has shown ``^C``."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write("\n")
