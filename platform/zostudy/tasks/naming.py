"""Names of classes: bare numbers, and names that are easily confused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?([0-9]{1,99}\.?[0-9]{0,99}|\.[0-9]{1,99})([eE][+-]?[0-9]{1,3})?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def has_names(class_names: Iterable[str]) -> bool:
    """Returns whether the class names are more than bare numbers."""
    return not all(map(is_number, class_names))


def is_number(name: str) -> bool:
    """Returns whether a name is a bare number."""
    return _NUMBER.fullmatch(name) is not None


def is_whole(name: str) -> bool:
    """Returns whether a name is a bare number without a fraction."""
    return is_number(name) and Decimal(name) == Decimal(name).to_integral_value()


def is_not_finite(name: str) -> bool:
    """Returns whether a name is written like a number that is missing or infinite, such as ``nan``."""
    return _NOT_FINITE.fullmatch(name) is not None


def by_value(name: str) -> tuple[Decimal, str]:
    """Returns the key that sorts bare numbers: their value, then their form."""
    return Decimal(name), name


def confusable(class_names: Iterable[str]) -> tuple[str, ...]:
    """Returns the first classes that look alike, or nothing.

    They differ only in blanks, capitals, the form of a number, invisible characters, or how Unicode writes a character.
    """
    kin: dict[object, list[str]] = {}
    for name in class_names:
        plain = _plain(name)
        kin.setdefault(Decimal(plain) if is_number(plain) else plain, []).append(name)
    return next((tuple(names) for names in kin.values() if len(names) > 1), ())


def _plain(name: str) -> str:
    composed = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(c for c in composed if c.isprintable() or c.isspace()).split())
