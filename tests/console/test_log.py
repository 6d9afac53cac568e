from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from zostudy.console.log import LineHandler, show_log, show_log_by_default

LOGGER = logging.getLogger("zostudy.made")


def test_levels_stand_in_front_and_what_is_less_than_info_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_log()
    LOGGER.debug("too much")
    LOGGER.info("reading %s", "reviews")
    LOGGER.warning("a risk")
    LOGGER.error("a fault\nin two lines")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "reading reviews\nwarning: a risk\nerror: a fault\\nin two lines\n"


def test_elapsed_time_stands_in_front_of_progress_alone(capsys: pytest.CaptureFixture[str]) -> None:
    show_log().show_elapsed_time()
    LOGGER.info("round 1 of 3")
    LOGGER.error("a fault")
    assert capsys.readouterr().err == "[    0.0 s] round 1 of 3\nerror: a fault\n"


def test_lines_are_reworded_as_they_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_log(str.upper)
    LOGGER.info("reading %s", "reviews")
    assert capsys.readouterr().err == "READING REVIEWS\n"


def test_the_command_line_shows_each_line_once_whatever_else_is_configured(capsys: pytest.CaptureFixture[str]) -> None:
    show_log()
    show_log()
    LOGGER.info("once")
    assert capsys.readouterr().err == "once\n"


# pytest has handlers of its own, so these run in processes of their own.
PYTHON = """
import logging
from zostudy.console.log import show_log_by_default
{before}
show_log_by_default()
{after}
logging.getLogger("zostudy.made").info("progress")
logging.getLogger("zostudy.made").warning("a risk")

"""


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("", "", ["progress", "warning: a risk"]),
        ("", 'logging.getLogger("zostudy").setLevel("WARNING")', ["warning: a risk"]),
        ('logging.getLogger("zostudy").setLevel("ERROR")', "", []),
        ("logging.basicConfig(level='INFO')", "", ["INFO:zostudy.made:progress", "WARNING:zostudy.made:a risk"]),
        ("logging.basicConfig()", "", ["WARNING:zostudy.made:a risk"]),
        ("", "logging.basicConfig()", ["INFO:zostudy.made:progress", "WARNING:zostudy.made:a risk"]),
        ('logging.getLogger("zostudy").addHandler(logging.NullHandler())', "", []),
    ],
    ids=["nothing", "silenced later", "silenced before", "root at info", "root", "root later", "own handler"],
)
def test_from_python_the_log_is_shown_unless_the_application_has_configured_logging(
    before: str, after: str, lines: list[str]
) -> None:
    code = PYTHON.format(before=before, after=after)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == lines


def test_the_default_handler_is_added_once() -> None:
    logger = logging.getLogger("zostudy")
    logger.handlers, logger.propagate = [], False  # away from pytest's own handlers
    show_log_by_default()
    show_log_by_default()
    assert [isinstance(handler, LineHandler) for handler in logger.handlers] == [True]
