"""Sections of a study file, and kinds of values in it. None is converted: ``"3"`` is no number and 1 is not true."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

Values = TypeVar("Values", bound="tuple[object, ...] | str | None")


def broken_rule(rule: str, remedy: str) -> PydanticCustomError:
    """Returns the error a validator raises: the rule in words and what to do about it."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "remedy": remedy})


def _each_once(values: Values) -> Values:
    if isinstance(values, tuple):
        repeated = [value for value, times in Counter(values).items() if times > 1]
        if repeated:
            raise broken_rule("must hold each value once", remedy=f"keep one {repeated[0]}")
    return values


class Section(BaseModel):
    """A part of a study file: unknown keys are refused, values never change after loading.

    A field's ``description`` is its rule in the words of an error message, where pydantic's own would not do;
    its ``examples`` are what the message proposes to write, where the default would not do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


Whole = Annotated[int, Field(strict=True, le=2**31 - 1)]
Positive = Annotated[Whole, Field(ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
PositiveNumber = Annotated[Number, Field(gt=0)]
Ratio = Annotated[Number, Field(ge=1)]
AnyNumber = Annotated[int, Field(strict=True)] | Number
Text = Annotated[str, Field(min_length=1)]
EachOnce = AfterValidator(_each_once)
