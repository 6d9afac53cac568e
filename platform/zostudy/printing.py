"""Printing on standard output, where no text can move a terminal's cursor or turn its direction around."""

from __future__ import annotations

from zostudy.wording import printable


def print_lines(*lines: object) -> None:
    """Prints each object on a line of its own, with control characters escaped."""
    for line in lines:
        print(printable(str(line)), flush=True)


def print_text(text: str) -> None:
    """Prints a text of many lines, with control characters escaped."""
    print(printable(text, kept="\n\t"), end="", flush=True)
