"""An imbalance ratio in words: a number, or ``natural`` for the proportions of the data."""

from __future__ import annotations

from typing import Literal

NATURAL: Literal["natural"] = "natural"
ALL: Literal["all"] = "all"


def ratio_text(ratio: float | str) -> str:
    """Returns a ratio as a study file writes it."""
    return ratio if isinstance(ratio, str) else f"{ratio:g}"


def ratio_label(asked: object, ratio: float) -> str:
    """Returns a ratio as tables show it: the natural one by name, with its number in brackets."""
    return f"{NATURAL} ({ratio:g})" if asked == NATURAL else f"{ratio:g}"
