"""Words and values as they stand in a message of one line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

LONGEST = 100


def shown(value: Any) -> str:
    """Returns a value as a message shows it: JSON, clipped, and None as nothing."""
    if value is None:
        return "nothing"
    return clipped(json.dumps(value, ensure_ascii=False, default=str))


def clipped(text: str) -> str:
    """Returns the text, its middle cut out where it is longer than a message bears."""
    if len(text) <= LONGEST:
        return text
    half = (LONGEST - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def printable(text: str) -> str:
    """Returns the text with line breaks and other control characters escaped, so that it stays one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def meant(word: object, known: Iterable[str], otherwise: str) -> str:
    """Returns the remedy for an unknown word: the known one that is close to it, else what is given."""
    matches = difflib.get_close_matches(str(word).lower(), list(known), n=1)
    return f"did you mean {matches[0]}?" if matches else otherwise
