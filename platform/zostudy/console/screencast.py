"""Records the terminal of a command as an animated SVG.

``python -m zostudy.console.screencast FILE COMMAND ...`` runs the command, such as ``zostudy run STUDY``, and writes
the file. The animation shows the terminal at equal times while the command runs, and then the whole output, page by
page. A viewer without animation shows the first of these pages.
"""

from __future__ import annotations

import codecs
import io
import itertools
import os
import pty
import re
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 120, 32
MOMENTS = 6
MOMENT_SECONDS, PAGE_SECONDS = 1.5, 6.0

_CONTROL = re.compile(r"\x1b\[(?P<number>\??[\d;]*)(?P<verb>[A-Za-ln-z])|\r|\n")
"""Control sequences that move the cursor or erase text. Colours (``m``) stay in the text."""

_FRAME = """<g class="frame" id="{unique_id}">
<style>{styles}</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</g>
<!-- {width} {height} -->"""


def record(command: Sequence[str]) -> Iterator[tuple[float, str]]:
    """Yields a command's output on a terminal in parts, each with the seconds since the start."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (ROWS, COLUMNS))
    begun = time.monotonic()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        decoder = codecs.getincrementaldecoder("utf-8")()
        while read := _read(ours):
            yield time.monotonic() - begun, decoder.decode(read)
    os.close(ours)
    if process.returncode:
        sys.exit(process.returncode)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux raises it when the other end is closed
        return b""


def moments(printed: Sequence[tuple[float, str]]) -> list[str]:
    """Returns the output up to each of ``MOMENTS`` equally spaced times before the end."""
    times = [printed[-1][0] * number / (MOMENTS + 1) for number in range(1, MOMENTS + 1)]
    return ["".join(text for when, text in printed if when <= until) for until in times]


def screen(printed: str) -> list[str]:
    """Returns the lines, with colours, that a terminal shows after this output."""
    printed = re.sub(r"\x1b(\[[\d;?]*)?$", "", printed)  # an unfinished control sequence
    lines, row, position = [""], 0, 0
    for control in _CONTROL.finditer(printed):
        lines[row] += printed[position : control.start()]
        position = control.end()
        if control["verb"] == "A":
            row = max(0, row - int(control["number"] or 1))
        elif control["verb"] == "K":
            lines[row] = ""
        elif control[0] == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
    lines[row] += printed[position:]
    return lines


def pages(lines: Sequence[str]) -> list[Sequence[str]]:
    """Returns the lines page by page; the last page begins early enough to be full."""
    begins = [*range(0, len(lines) - ROWS, ROWS), max(0, len(lines) - ROWS)]
    return [lines[begin : begin + ROWS] for begin in begins]


def draw(while_running: Sequence[Sequence[str]], at_end: Sequence[Sequence[str]], title: str) -> str:
    """Returns an SVG that shows the screens in turn; without animation, the first screen ``at_end``."""
    screens = [*while_running, *at_end]
    seconds = [MOMENT_SECONDS] * len(while_running) + [PAGE_SECONDS] * len(at_end)
    frames = [_frame(lines[-ROWS:], number, title) for number, lines in enumerate(screens)]
    ends = [100 * sum(seconds[: number + 1]) / sum(seconds) for number in range(len(screens))]
    styles = [
        f"@keyframes show-{number} {{ 0% {{ visibility: hidden }} {begin:.3f}% {{ visibility: visible }} "
        f"{end:.3f}% {{ visibility: hidden }} }}\n"
        f"#frame-{number} {{ visibility: {'visible' if number == len(while_running) else 'hidden'}; "
        f"animation: show-{number} {sum(seconds)}s step-end infinite }}"
        for number, (begin, end) in enumerate(itertools.pairwise([0.0, *ends]))
    ]
    size = re.findall(r"<!-- (\S+) (\S+) ", frames[0])[0]
    style = "\n".join(["text { font-family: monospace; font-size: 20px }", *styles])
    body = "\n".join(re.sub(r"<!--.*-->", "", frame) for frame in frames)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {" ".join(size)}">\n<style>\n{style}\n</style>\n'
        f"{body}\n</svg>\n"
    )


def _frame(lines: Sequence[str], number: int, title: str) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in [*lines, *[""] * (ROWS - len(lines))]:
        console.print(Text.from_ansi(line), no_wrap=True, overflow="crop")
    return console.export_svg(title=title, code_format=_FRAME, unique_id=f"frame-{number}")


def main(file: str, *command: str) -> None:
    """Records the command and writes the file, in which the current folder's path is left out."""
    words, folder = " ".join(command), f"{Path.cwd()}/"
    printed = [(when, text.replace(folder, "")) for when, text in record(command)]
    while_running = [[f"$ {words}", *screen(each)] for each in moments(printed)]
    at_end = [f"$ {words}", *screen("".join(text for _, text in printed))]
    Path(file).write_text(draw(while_running, pages(at_end), words), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
