from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console
from rich.live import Live
from rich.text import Text

from zostudy.console.screencast import ROWS, draw, main, moments, pages, screen


def shown(lines: list[str]) -> list[str]:
    return [Text.from_ansi(line).plain for line in lines]


def test_a_live_display_moves_and_goes() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=40)
    console.print("first")
    with Live(console=console, auto_refresh=False, transient=True) as live:
        live.update(Text("one\ntwo\nthree", style="bold"), refresh=True)
        live.update(Text("four\nfive"), refresh=True)
        assert shown(screen(file.getvalue()))[:3] == ["first", "four", "five"]
        console.print("noted")
        assert shown(screen(file.getvalue()))[:4] == ["first", "noted", "four", "five"]
        assert shown(screen(file.getvalue() + "\x1b[1"))[:4] == ["first", "noted", "four", "five"]
    console.print("last")
    assert [line for line in shown(screen(file.getvalue())) if line] == ["first", "noted", "last"]


def test_moments_are_equally_far_apart() -> None:
    printed = [(second, chr(ord("a") + second)) for second in range(15)]
    assert moments(printed) == ["abc", "abcde", "abcdefg", "abcdefghi", "abcdefghijk", "abcdefghijklm"]


@pytest.mark.parametrize("n_lines", [1, ROWS, ROWS + 1, 3 * ROWS - 1])
def test_pages_show_every_line_and_the_last_is_full(n_lines: int) -> None:
    lines = [str(number) for number in range(n_lines)]
    cut = pages(lines)
    assert {line for page in cut for line in page} == {*lines}
    assert all(len(page) == min(n_lines, ROWS) for page in cut)
    assert cut[-1][-1] == lines[-1]


def test_a_picture_shows_one_screen_at_a_time_and_rests_on_what_stays() -> None:
    picture = draw([["moving"]], [["\x1b[1mstays\x1b[0m"], ["too"]], "a title")
    frames = {each.get("id"): each for each in ElementTree.fromstring(picture) if each.get("class") == "frame"}
    texts = [re.sub(r"\s", " ", "".join(frame.itertext())) for frame in frames.values()]
    assert ["moving" in texts[0], "stays" in texts[1], "too" in texts[2]] == [True] * 3
    assert re.findall(r"#(frame-\d) { visibility: visible", picture) == ["frame-1"]
    assert [float(end) for end in re.findall(r"([\d.]+)% { visibility: hidden } }$", picture, re.M)] == [
        pytest.approx(100 * seconds / 13.5, abs=1e-3) for seconds in (1.5, 7.5, 13.5)
    ]


def test_a_command_is_recorded_on_a_terminal(tmp_path: Path) -> None:
    size = "print('width', os.get_terminal_size().columns, sys.stdout.isatty())"
    code = f"import os, sys; print(os.getcwd() + '/x'); {size}"
    main(str(tmp_path / "a.svg"), sys.executable, "-c", code)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert "width 120 True" in text
    assert ">x<" in text
