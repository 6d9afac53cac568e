"""Sections of a study file, and types of values. Nothing is converted: ``"3"`` is no number and 1 is not true."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from zostudy.ratios import NATURAL, ratio_text
from zostudy.wording import suggestion


def key(meaning: str, *, example: str | None = None, rule: str | None = None) -> Any:
    """Returns the field of a key.

    Args:
        meaning: as ``zostudy keys`` and the JSON schema show it.
        example: YAML of a value that differs from the default, for ``zostudy keys`` and the JSON schema. An error
            message proposes it for a key without a default.
        rule: the rule in the words of an error message; by default pydantic's own, reworded.
    """
    return Field(
        description=meaning,
        examples=None if example is None else [example],
        json_schema_extra=None if rule is None else {"rule": rule},
    )


def broken_rule(rule: str, remedy: str) -> PydanticCustomError:
    """Returns the error that a validator raises."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "remedy": remedy})


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = [value for value, times in Counter(values).items() if times > 1]
    if repeated:
        raise broken_rule("must hold each value once", remedy=f"keep one {repeated[0]}")
    return values


class Section(BaseModel):
    """A part of a study file. Unknown keys are refused, and values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


Whole = Annotated[int, Field(strict=True, le=2**31 - 1)]
Positive = Annotated[Whole, Field(ge=1)]
SeedCount = Annotated[int, Field(strict=True, ge=1, le=10_000)]  # a plan holds a draw of rows for each seed
Seed = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
PositiveNumber = Annotated[Number, Field(gt=0)]
Ratio = Annotated[Number, Field(ge=1, le=2**31 - 1)]
AnyNumber = Annotated[int, Field(strict=True)] | Number
Text = Annotated[str, Field(min_length=1)]
EachOnce = AfterValidator(_each_once)


def _natural_or_number(value: object) -> object:
    if isinstance(value, str) and value != NATURAL:
        remedy = suggestion(value, (NATURAL,), "write natural or 10, for example")
        raise broken_rule("must be natural or a number of at least 1", remedy)
    return value


def _each_named_once(ratios: tuple[float | str, ...]) -> tuple[float | str, ...]:
    """Refuses ratios that are one in the names of trials."""
    repeated = [name for name, times in Counter(map(ratio_text, ratios)).items() if times > 1]
    if repeated:
        raise broken_rule("must hold each ratio once, to six digits", remedy=f"keep one {repeated[0]}")
    return ratios


AskedRatio: TypeAlias = Annotated[Ratio | Literal["natural"], BeforeValidator(_natural_or_number)]
EachRatioOnce = AfterValidator(_each_named_once)
AskedSize: TypeAlias = Positive | Literal["all"]
