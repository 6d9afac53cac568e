"""Progress of work that takes a while: a bar or a spinner that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Protocol

from zostudy.console.log import terminal
from zostudy.wording import printable

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_WITHOUT_PROGRESS = 2.0
SECONDS_BETWEEN_LINES = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def progress(
    what: str, total: int | None = None, unit: str = "", at_once: bool = False
) -> Iterator[Callable[[int], None]]:
    """Shows that work goes on. Gives a function that takes how much of it is done.

    On a terminal a spinner or bar moves while the work lasts. Elsewhere the log gets a line at once if the work always
    takes a while, and one every few seconds if it can be counted.

    Args:
        what: the work, such as ``loading mini-roberta``.
        total: how much there is to do, if that is known.
        unit: what is counted, such as ``texts``.
        at_once: show it from the start, not only after two seconds, as it always takes a while.
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


def duration(seconds: float | None) -> str:
    """Returns ``1:05``, ``2:03:09``, or ``?`` for None."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class _View(Protocol):
    def update(self, line: str, done: int) -> None: ...

    def hide(self) -> None: ...


class _Work:
    """What is known of the work, and the view of it, if it is shown."""

    def __init__(self, what: str, total: int | None, unit: str) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._first: tuple[float, int] | None = None
        self._view: _View | None = None

    def show(self) -> None:
        """Shows the work from now on."""
        console = terminal()
        self._view = _Lines() if console is None else _Bar(console, self._what, self._total)

    def update(self, done: int) -> None:
        """Takes how much is done. The rate counts from the first call on, as what comes before is preparation."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, done
        started, done_then = self._first
        if self._view is None or self._total is None or done == done_then:
            return
        rate = (done - done_then) / max(now - started, 1e-9)
        left = duration((self._total - done) / rate)
        counted = f"{done:,}/{self._total:,} {self._unit}  {rate:,.0f} {self._unit}/s  ETA {left}"
        self._view.update(counted, done)

    def hide(self) -> None:
        """Takes what moves off the terminal."""
        if self._view is not None:
            self._view.hide()


class _Lines:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._shown = time.monotonic()

    def update(self, line: str, done: int) -> None:
        if time.monotonic() - self._shown >= SECONDS_BETWEEN_LINES:
            _log.info("%s", line)
            self._shown = time.monotonic()

    def hide(self) -> None:
        """Leaves the lines where they are."""


class _Bar:
    """A spinner with the time that has passed, and a bar where it is known how much there is to do."""

    def __init__(self, console: Console, what: str, total: int | None) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        bar = [BarColumn()] if total is not None else []
        text = TextColumn("{task.description}", markup=False)
        self._progress = Progress(SpinnerColumn(), text, *bar, TimeElapsedColumn(), console=console, transient=True)
        self._task = self._progress.add_task(printable(what), total=total)
        self._progress.start()

    def update(self, line: str, done: int) -> None:
        self._progress.update(self._task, description=line, completed=done)

    def hide(self) -> None:
        self._progress.stop()
