"""Distributions of searched values: a list or a range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Discriminator, Field, StrictBool, Tag, model_validator

from zostudy.config.field_types import AnyNumber, EachOnce, Section, broken_rule, key


class Choice(Section):
    """A value out of a list."""

    choice: Annotated[
        tuple[StrictBool | AnyNumber | str, ...],
        Field(min_length=1),
        key("the values", example="[10, 50, 200]", rule="must hold words or numbers"),
        EachOnce,
    ]

    def contains(self, value: Any) -> bool:
        """Returns whether it is one of the values."""
        return value in self.choice


class Range(Section):
    """A number between two ends. It is a whole number where both ends and the option are whole."""

    low: Annotated[AnyNumber, key("the least value", example="0.01", rule="must be a number")]
    high: Annotated[AnyNumber, key("the largest value", example="1.0", rule="must be a number")]
    log: Annotated[StrictBool, key("whether the search is uniform in the logarithm")] = False

    @model_validator(mode="before")
    @classmethod
    def _not_nested(cls, value: Any) -> Any:
        """Refuses ``{option: {low: ..., high: ...}}`` below a label."""
        is_other = isinstance(value, dict) and value.keys().isdisjoint(cls.model_fields)
        if is_other and any(isinstance(inner, dict) for inner in value.values()):
            rule = "must be {choice: [...]} or {low: ..., high: ...}"
            raise broken_rule(rule, remedy="join both keys by a dot, as in spsa.reach: {low: 0.3, high: 10.0}")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high:
            raise broken_rule("low must be below high", remedy="swap them, or use choice for a single value")
        if self.log and self.low <= 0:
            raise broken_rule("a log range must start above 0", remedy="raise low or leave out log")
        return self

    def contains(self, value: Any) -> bool:
        """Returns whether the value lies in the range, ends included."""
        return bool(self.low <= value <= self.high)

    def position(self, value: float) -> float:
        """Returns where a value lies in the range's own scale: 0 at the low end, 1 at the high one."""
        scale = math.log if self.log else float
        return (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))


def _distribution_name(value: object) -> str:
    is_choice = isinstance(value, Choice) or (isinstance(value, dict) and "choice" in value)
    return "Choice" if is_choice else "Range"


Distribution = Annotated[
    Annotated[Choice, Tag("Choice")] | Annotated[Range, Tag("Range")], Discriminator(_distribution_name)
]
SearchSpace: TypeAlias = Mapping[str, Distribution]
"""The distribution of each searched key."""
