"""What is said to people: nothing of it can move a terminal's cursor or turn its text around."""

from __future__ import annotations

import sys

from zostudy.wording import printable


def say(*lines: object) -> None:
    """Prints each on a line of its own on standard output, with control characters escaped."""
    for line in lines:
        print(printable(str(line)), flush=True)


def tell(*lines: object) -> None:
    """Prints each on a line of its own on standard error, with control characters escaped: progress and notes."""
    for line in lines:
        print(printable(str(line)), file=sys.stderr, flush=True)


def say_text(text: str) -> None:
    """Prints text of many lines on standard output as it stands, but for control characters."""
    print(printable(text, kept="\n\t"), end="", flush=True)
