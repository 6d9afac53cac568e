"""Standard output and standard error that may be full, closed, or not UTF-8.

If standard output cannot be written, the command ends with an error of one line. If standard error cannot be written,
which only shows progress, the command goes on without it.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

import typer

from zostudy.errors import ZostudyError

IN_ASCII = {"±": "+-", "†": "+", "‡": "++", "→": "->", "×": "x", "…": "..."}
"""ASCII for each character that zostudy itself prints."""

_ENCODING_ERRORS = "zostudy-ascii"  # the name of the handler for characters that a stream's encoding lacks


class OutputError(ZostudyError):
    """Standard output cannot be written."""


def prepare_streams() -> None:
    """Replaces this process's own streams; a test's or a notebook's streams stay.

    Raises:
        OutputError: standard output is closed.
    """
    codecs.register_error(_ENCODING_ERRORS, _encodable)
    _open_closed_descriptors()
    if sys.stderr is sys.__stderr__:  # both are None where it is closed
        sys.stderr = _stream(2, _Dropping, sys.stderr)
    if sys.stdout is sys.__stdout__:
        closed = sys.stdout is None
        sys.stdout = _stream(1, _Raising, sys.stdout)
        if closed:
            rule, remedy = "standard output must be open", "send it to a file or to /dev/null"
            raise OutputError(rule, got="it is closed", remedy=remedy)


def finish_streams() -> None:
    """Flushes standard output.

    Raises:
        OutputError: standard output cannot be written.
    """
    with suppress(typer.Exit):
        sys.stdout.flush()


def silence_output() -> None:
    """Redirects standard output to ``/dev/null``, so that the interpreter's last flush cannot fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _open_closed_descriptors() -> None:
    """Opens each closed one of descriptors 0 to 2; otherwise the next opened file would get that number."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one


class _Raising(io.FileIO):
    """A descriptor whose failed writes raise an ``OutputError``, so that they are not taken for another file's.

    Where nobody reads any more, the command ends with exit code 0.
    """

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:  # the reader has closed the pipe, as ``head`` does
            silence_output()
            raise typer.Exit from None
        except OSError as error:
            raise OutputError(
                "standard output must be writable",
                got=f"it is not ({error.strerror})",
                remedy="free space there, or send it elsewhere",
            ) from error


class _Dropping(io.FileIO):
    """A descriptor that drops data that cannot be written."""

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
        errors=_ENCODING_ERRORS,
        line_buffering=descriptor == 2 or raw.isatty(),
    )


def _encodable(error: UnicodeError) -> tuple[str, int]:
    """Returns the substitute for characters that a stream's encoding lacks, and the position to go on from."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(IN_ASCII.get(character) or _escaped(character) for character in characters), error.end


def _escaped(character: str) -> str:
    """Returns a character as JSON escapes it, so that a program that reads the JSON gets the exact character."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
