"""An imbalance ratio as a study asks for it: a number, or ``natural`` for the proportions of the data."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator

from zostudy.config.kinds import Positive, Ratio, broken_rule
from zostudy.wording import suggestion

NATURAL: Literal["natural"] = "natural"
ALL: Literal["all"] = "all"


def _natural_or_number(value: object) -> object:
    if isinstance(value, str) and value != NATURAL:
        remedy = suggestion(value, (NATURAL,), "write natural or 10, for example")
        raise broken_rule("must be natural or a number of at least 1", remedy)
    return value


AskedRatio: TypeAlias = Annotated[Ratio | Literal["natural"], BeforeValidator(_natural_or_number)]
AskedSize: TypeAlias = Positive | Literal["all"]


def ratio_text(ratio: AskedRatio) -> str:
    """Returns a ratio as a study file writes it."""
    return ratio if isinstance(ratio, str) else f"{ratio:g}"


def ratio_label(asked: object, ratio: float) -> str:
    """Returns a ratio as tables show it: the natural one by name, with its number in brackets."""
    return f"{NATURAL} ({ratio:g})" if asked == NATURAL else f"{ratio:g}"
