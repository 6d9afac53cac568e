"""Formats names and values for messages and tables: on one line, clipped, with invisible characters escaped."""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

LONGEST = 100
MOST_LISTED = 20


def shown(value: Any) -> str:
    """Returns a value as a message shows it: JSON, clipped, and None as nothing."""
    if value is None:
        return "nothing"
    return clipped(json.dumps(value, ensure_ascii=False, default=str))


def clipped(text: str) -> str:
    """Returns the text without its middle if it is too long for a message."""
    if len(text) <= LONGEST:
        return text
    half = (LONGEST - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def one_line(text: object, most: int | None = None) -> str:
    """Returns a text, or the message of an error, on one line.

    Args:
        text: with any line breaks and blanks.
        most: characters that are kept; None for all.
    """
    return " ".join(str(text).split())[:most]


def last_line(text: object) -> str:
    """Returns the last line that is not blank, clipped: of a traceback the error."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"


def printable(text: str, kept: str = "") -> str:
    r"""Returns the text with control characters, line breaks and invisible characters escaped, such as ``\x1b``.

    Args:
        text: any text, lone surrogates included.
        kept: characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)


def undecoded() -> tuple[str, str]:
    """Returns the fault of a file's name that Python could not decode, and its remedy."""
    encoding = sys.getfilesystemencoding()  # the locale decides it
    if encoding == "utf-8":
        return "is not UTF-8", "give another one"
    return f"is not {encoding}, in which this process reads names", "set PYTHONUTF8=1, or give another one"


def quoted(name: object) -> str:
    """Returns a name as a message shows it: bare if it is a plain word, else in quotes, which make blanks visible."""
    text = clipped(str(name))
    return text if re.fullmatch(r"[\w./+-]+", text) else repr(text)


def comma_list(names: Iterable[object]) -> str:
    """Returns the names, each as ``quoted`` shows it, separated by commas; of many names only the first."""
    every = list(names)
    more = f" and {len(every) - MOST_LISTED:,} more" if len(every) > MOST_LISTED else ""
    return ", ".join(map(quoted, every[:MOST_LISTED])) + more


def counted(n: int, thing: str) -> str:
    """Returns a number with its noun, such as ``1 row`` or ``1,200 rows``."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def suggestion(word: object, known: Iterable[str], otherwise: str) -> str:
    """Returns the remedy for an unknown word: a similar known word, or the given remedy if no known word is similar."""
    near = nearest(str(word), known)
    return otherwise if near is None else f"did you mean {quoted(near)}?"


def file_suggestion(missing: str, known: Iterable[str], otherwise: str) -> str:
    """Returns the remedy for a missing file, as ``suggestion``; names are compared without folder and ending."""
    by_stem = {PurePath(each).stem: each for each in known}
    near = nearest(PurePath(missing).stem, by_stem)
    return otherwise if near is None else f"did you mean {quoted(by_stem[near])}?"


def nearest(word: str, known: Iterable[str], least: float = 0.6) -> str | None:
    """Returns the known word that is most similar to a mistyped one, ignoring case; None if none is similar.

    Args:
        word: as it was written.
        known: the words to choose from.
        least: similarity of a word that counts, from 0 to 1, the ratio of ``difflib``.
    """
    if len(word) > LONGEST:  # comparing takes the square of the length
        return None
    by_folded = {_folded(each): each for each in known if len(each) <= LONGEST}
    matches = difflib.get_close_matches(_folded(word), by_folded, n=1, cutoff=least)
    return by_folded[matches[0]] if matches else None


def _folded(word: str) -> str:
    return word.strip().casefold()
