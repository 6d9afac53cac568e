"""Progress of work that takes a while: a bar or a spinner that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

from zostudy.console.log import terminal
from zostudy.wording import printable

if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_WITHOUT_PROGRESS = 2.0
SECONDS_BETWEEN_LINES = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def progress(
    what: str, total: int | None = None, unit: str = "", at_once: bool = False
) -> Iterator[Callable[[int], None]]:
    """Shows the progress of work such as ``loading mini-roberta``; yields a function that takes the count done so far.

    A terminal shows a spinner, or a bar with a ``total``. Elsewhere the log gets a line every few seconds if the work
    has a total.

    Args:
        what: the work.
        total: the number of units to do, if it is known.
        unit: the counted things, such as ``texts``.
        at_once: show the work from the start, also in the log; otherwise after two seconds.
    """
    work = _Work(what, total, unit)
    if at_once and terminal() is None:
        _log.info("%s", what)
    timer = Timer(SECONDS_WITHOUT_PROGRESS, work.show)
    timer.daemon = True
    if at_once:
        work.show()
    else:
        timer.start()
    try:
        yield work.update
    finally:
        timer.cancel()
        if not at_once:
            timer.join()
        work.hide()


def duration(seconds: float) -> str:
    """Returns seconds as ``1:05`` or ``2:03:09``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class _Work:
    """The progress of some work: a rich bar on a terminal, else the time of its last line in the log."""

    def __init__(self, what: str, total: int | None, unit: str) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._first: tuple[float, int] | None = None
        self._bar: Progress | None = None
        self._last_line: float | None = None

    def show(self) -> None:
        """Shows the work from now on."""
        self._last_line = time.monotonic()
        if (console := terminal()) is not None:
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            text, bar = TextColumn("{task.description}", markup=False), [] if self._total is None else [BarColumn()]
            # It must leave standard output alone: a model that loads meanwhile may have redirected that for a time.
            self._bar = Progress(
                SpinnerColumn(),
                text,
                *bar,
                TimeElapsedColumn(),
                console=console,
                transient=True,
                redirect_stdout=False,
            )
            self._bar.add_task(printable(self._what), total=self._total)
            self._bar.start()

    def update(self, done: int) -> None:
        """Shows how much is done, and the rate since the first call; the time before it is preparation."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, done
        started, done_then = self._first
        if self._last_line is None or self._total is None or done == done_then:
            return
        rate = (done - done_then) / max(now - started, 1e-9)
        left = duration((self._total - done) / rate)
        line = f"{done:,}/{self._total:,} {self._unit}  {rate:,.0f} {self._unit}/s  ETA {left}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=line, completed=done)
        elif now - self._last_line >= SECONDS_BETWEEN_LINES:
            _log.info("%s", line)
            self._last_line = now

    def hide(self) -> None:
        """Removes the bar from the terminal."""
        if self._bar is not None:
            self._bar.stop()
