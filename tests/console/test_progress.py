from __future__ import annotations

import io
import re
import sys
import time
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest
from rich.console import Console

from zostudy.console import progress as progress_module
from zostudy.console.progress import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands still until a test moves it."""
    clock = SimpleNamespace(now=50.0)
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, force_interactive=True, width=100)
    monkeypatch.setattr(progress_module, "terminal", lambda: console)
    return screen


def shown(screen: io.StringIO) -> list[str]:
    """Returns all that stood on the screen, without what moves its cursor."""
    return [" ".join(line.split()) for line in re.split(r"(?:\x1b\[[0-9;?]*[A-Za-z]|\r|\n)+", screen.getvalue())]


def test_away_from_a_terminal_rate_and_time_left_come_every_five_seconds(
    clock: SimpleNamespace, logged: list[str]
) -> None:
    with progress("loading mini-roberta", 1000, "texts", at_once=True) as show_done:
        clock.now = 70.0  # loading is no part of the rate
        for done in (100, 200, 300, 400, 900, 1000):
            clock.now = 70.0 + (done - 100) / 100
            show_done(done)
    assert logged == [
        "loading mini-roberta",
        "200/1,000 texts  100 texts/s  ETA 0:08",
        "900/1,000 texts  100 texts/s  ETA 0:01",
    ]


def test_a_terminal_gets_a_bar_and_is_left_empty(
    clock: SimpleNamespace, screen: io.StringIO, logged: list[str]
) -> None:
    with progress("loading [not markup]\x1b[2J", 1000, "texts", at_once=True) as show_done:
        show_done(100)
        clock.now += 1
        show_done(200)
    lines = shown(screen)
    assert any(r"loading [not markup]\x1b[2J" in line for line in lines)
    assert any("200/1,000 texts 100 texts/s ETA 0:08" in line for line in lines)
    assert screen.getvalue().rstrip().endswith("\x1b[2K")
    assert logged == []


def test_quick_work_shows_nothing(screen: io.StringIO, logged: list[str]) -> None:
    with progress("reading the results"):
        pass
    assert screen.getvalue() == ""
    assert logged == []


def test_work_that_lasts_is_shown_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, screen: io.StringIO, logged: list[str]
) -> None:
    monkeypatch.setattr(progress_module, "SECONDS_WITHOUT_PROGRESS", 0.0)
    with progress("reading the results"):
        while not screen.getvalue():
            time.sleep(0.01)
    assert any("reading the results" in line for line in shown(screen))
    monkeypatch.setattr(progress_module, "terminal", lambda: None)
    with progress("reading the results"):
        pass
    assert logged == []


def test_a_bar_leaves_standard_output_to_whoever_has_redirected_it(screen: io.StringIO) -> None:
    before, elsewhere = sys.stdout, io.StringIO()
    with redirect_stdout(elsewhere):
        bar = progress("loading", at_once=True)
        bar.__enter__()
        assert sys.stdout is elsewhere
    bar.__exit__(None, None, None)
    assert sys.stdout is before


def test_an_error_leaves_the_terminal_empty_too(screen: io.StringIO) -> None:
    with pytest.raises(ValueError, match="mine"), progress("loading", at_once=True):
        raise ValueError("mine")
    assert screen.getvalue().rstrip().endswith("\x1b[2K")
