"""Records what a command shows on a terminal, as an SVG that moves.

``python -m zostudy.console.recording FILE COMMAND ...`` runs the command, such as ``zostudy run STUDY``, and writes the
file. It shows the terminal at equal times while the command runs, and then what stays, page by page. Where nothing
moves, it shows the first of these pages.
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
"""What moves the cursor or erases. Colours (``m``) stay in the text."""

_FRAME = """<g class="frame" id="{unique_id}">
<style>{styles}</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</g>
<!-- {width} {height} -->"""


def record(command: Sequence[str]) -> Iterator[tuple[float, str]]:
    """Yields what a command prints on a terminal, with the seconds since its start."""
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
    except OSError:  # Linux's answer where the other end is closed
        return b""


def moments(printed: Sequence[tuple[float, str]]) -> list[str]:
    """Returns what had been printed at ``MOMENTS`` equal times before the end."""
    times = [printed[-1][0] * number / (MOMENTS + 1) for number in range(1, MOMENTS + 1)]
    return ["".join(text for when, text in printed if when <= until) for until in times]


def screen(printed: str) -> list[str]:
    """Returns the lines that a terminal shows, colours included, after this was printed."""
    printed = re.sub(r"\x1b(\[[\d;?]*)?$", "", printed)  # a control sequence of which the rest has not come
    lines, row, place = [""], 0, 0
    for control in _CONTROL.finditer(printed):
        lines[row] += printed[place : control.start()]
        place = control.end()
        if control["verb"] == "A":
            row = max(0, row - int(control["number"] or 1))
        elif control["verb"] == "K":
            lines[row] = ""
        elif control[0] == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
    lines[row] += printed[place:]
    return lines


def pages(lines: Sequence[str]) -> list[Sequence[str]]:
    """Returns the lines in screens; the last one is full, too."""
    begins = [*range(0, len(lines) - ROWS, ROWS), max(0, len(lines) - ROWS)]
    return [lines[begin : begin + ROWS] for begin in begins]


def draw(moving: Sequence[Sequence[str]], staying: Sequence[Sequence[str]], title: str) -> str:
    """Returns an SVG that shows the screens in turn, and the first staying one where nothing moves."""
    screens = [*moving, *staying]
    seconds = [MOMENT_SECONDS] * len(moving) + [PAGE_SECONDS] * len(staying)
    frames = [_frame(lines[-ROWS:], number, title) for number, lines in enumerate(screens)]
    ends = [100 * sum(seconds[: number + 1]) / sum(seconds) for number in range(len(screens))]
    styles = [
        f"@keyframes show-{number} {{ 0% {{ visibility: hidden }} {begin:.3f}% {{ visibility: visible }} "
        f"{end:.3f}% {{ visibility: hidden }} }}\n"
        f"#frame-{number} {{ visibility: {'visible' if number == len(moving) else 'hidden'}; "
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
    """Records the command and writes the file, where paths are relative to the current folder."""
    words, folder = " ".join(command), f"{Path.cwd()}/"
    printed = [(when, text.replace(folder, "")) for when, text in record(command)]
    moving = [[f"$ {words}", *screen(each)] for each in moments(printed)]
    staying = [f"$ {words}", *screen("".join(text for _, text in printed))]
    Path(file).write_text(draw(moving, pages(staying), words), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
