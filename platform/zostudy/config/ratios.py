"""An imbalance ratio as a study file asks for it: a number, or ``natural`` for the proportions of the data."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator

from zostudy.config.field_types import Positive, Ratio, broken_rule
from zostudy.ratios import NATURAL
from zostudy.wording import suggestion


def _natural_or_number(value: object) -> object:
    if isinstance(value, str) and value != NATURAL:
        remedy = suggestion(value, (NATURAL,), "write natural or 10, for example")
        raise broken_rule("must be natural or a number of at least 1", remedy)
    return value


AskedRatio: TypeAlias = Annotated[Ratio | Literal["natural"], BeforeValidator(_natural_or_number)]
AskedSize: TypeAlias = Positive | Literal["all"]
