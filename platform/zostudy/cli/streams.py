"""Standard output and standard error, whatever the shell has made of them: full, closed, or not UTF-8.

What cannot be printed on standard output is an error of one line. Standard error only tells how things go: where it
takes nothing, the work goes on.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import Any, TextIO

from zostudy.errors import ZostudyError

SPELLED = {"±": "+-", "†": "+", "‡": "++", "→": "->", "×": "x", "…": "..."}
"""Our own characters in ASCII, for terminals that have no others."""

_SPELLING = "zostudy-spelling"


class OutputError(ZostudyError):
    """Standard output takes nothing more."""


def prepare_streams() -> None:
    """Puts streams that fail in one line in the place of this process's own; those of a test or notebook stay.

    Raises:
        OutputError: standard output is closed.
    """
    codecs.register_error(_SPELLING, _spell)
    _open_closed_descriptors()
    if sys.stderr is sys.__stderr__:  # both are None where it is closed
        sys.stderr = _stream(2, _Silent, sys.stderr)
    if sys.stdout is sys.__stdout__:
        closed = sys.stdout is None
        sys.stdout = _stream(1, _Loud, sys.stdout)
        if closed:
            rule, remedy = "standard output must be open", "send it to a file or to /dev/null"
            raise OutputError(rule, got="it is closed", remedy=remedy)


def finish_streams() -> None:
    """Writes what standard output still holds.

    Raises:
        OutputError: it takes nothing more.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # its reader has read enough, as ``head`` does
        silence_output()


def silence_output() -> None:
    """Sends what standard output still holds to nowhere, so that the interpreter's own last flush cannot fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _open_closed_descriptors() -> None:
    """Opens those of descriptors 0 to 2 that are closed, else the next file opened would take their place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


class _Loud(io.FileIO):
    """A descriptor whose failures are ours, so that nobody takes them for those of another file."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(
                "standard output must take what is printed",
                got=f"it does not ({error.strerror})",
                remedy="make room there, or send it elsewhere",
            ) from error


class _Silent(io.FileIO):
    """A descriptor that drops what it cannot take."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _stream(descriptor: int, kind: type[io.FileIO], before: TextIO | None) -> TextIO:
    raw = kind(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if before is None else before.encoding,
        errors=_SPELLING,
        line_buffering=descriptor == 2 or raw.isatty(),
    )


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Returns what stands for characters that a stream's encoding lacks, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(SPELLED.get(character) or _escaped(character) for character in characters), error.end


def _escaped(character: str) -> str:
    """Returns a character as JSON escapes it, so that what other programs read stays exact."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
