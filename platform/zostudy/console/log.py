"""Shows the library's log as plain lines on standard error.

Library code logs to ``zostudy...`` loggers. The command line always shows these records. From Python ``zostudy.run``
shows them too, unless the application has configured logging. ``logging.getLogger("zostudy").setLevel("WARNING")``
silences the progress of a study.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from zostudy.wording import printable

if TYPE_CHECKING:
    from rich.console import Console

LOGGER = logging.getLogger("zostudy")

_log = logging.getLogger(__name__)


class LineHandler(logging.Handler):
    """Prints each record as one line, with control characters escaped, and warnings and errors named as such.

    Args:
        reword: changes the words of a line, as the command line does, which shows flags for parameters.
    """

    def __init__(self, reword: Callable[[str], str] = str) -> None:
        super().__init__()
        self._reword = reword
        self._began: float | None = None

    def show_elapsed_time(self) -> None:
        """Begins each further line with the seconds from now on."""
        self._began = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Prints the record."""
        try:
            if sys.stderr is not None:  # as under pythonw
                sys.stderr.write(f"{self._prefix(record.levelno)}{printable(self._reword(record.getMessage()))}\n")
                sys.stderr.flush()
        except Exception:
            self.handleError(record)

    def _prefix(self, level: int) -> str:
        if level >= logging.WARNING:
            return "error: " if level >= logging.ERROR else "warning: "
        return "" if self._began is None else f"[{time.monotonic() - self._began:7.1f} s] "


class _DefaultHandler(LineHandler):
    """Shows records only while the root logger has no handler, as then the application does not show them."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            super().emit(record)


def show_log(reword: Callable[[str], str] = str) -> LineHandler:
    """Shows every record from INFO on, reworded, and returns the handler: for the command line."""
    handler = LineHandler(reword)
    LOGGER.handlers = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    return handler


def show_log_by_default() -> None:
    """Shows every record from INFO on, unless the application has configured logging: for use from Python."""
    if LOGGER.hasHandlers():
        return
    LOGGER.addHandler(_DefaultHandler())
    if LOGGER.level == logging.NOTSET:
        LOGGER.setLevel(logging.INFO)


def log_notes(notes: Iterable[str]) -> None:
    """Logs a line for each note, the first of equals alone."""
    for note in dict.fromkeys(notes):
        _log.info("note: %s", note)


def terminal() -> Console | None:
    """Returns a console of standard error if that is a terminal and shows the log, else None."""
    if not (LOGGER.isEnabledFor(logging.INFO) and any(isinstance(handler, LineHandler) for handler in LOGGER.handlers)):
        return None  # silenced, or handled by the application alone
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_interactive else None
