"""What an option declares beside its type: its meaning, its default search space, and another option that it needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from typing_extensions import Doc


@dataclass(frozen=True)
class LogRange:
    """A number between two ends, uniform in its logarithm; a whole one where the option is."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} (log)"


@dataclass(frozen=True)
class OneOf:
    """A value out of several."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.values))


@dataclass(frozen=True)
class UsedWith:
    """Metadata of an option that has an effect only while another option has one of these values."""

    option: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.option}: {' or '.join(self.values)}"


@dataclass(frozen=True)
class OptionDescription:
    """An option as ``zostudy methods`` shows it.

    Attributes:
        name: of the option.
        type: reads like ``int >= 1`` or ``a | b``.
        default: its value where a study gives none.
        doc: its meaning.
        space: what it is searched over by default; None if it keeps its value.
    """

    name: str
    type: str
    default: Any
    doc: str
    space: LogRange | OneOf | None = None


def describe_options(options: type[Any]) -> list[OptionDescription]:
    """Returns name, type, default and documentation of each option, in the order of definition."""
    hints = get_type_hints(options, include_extras=True)
    return [_describe(spec.name, hints[spec.name], spec.default) for spec in fields(options)]


def unused_options(
    options: type[Any], values: Mapping[str, Any], open_options: Collection[str] = ()
) -> dict[str, UsedWith]:
    """Returns the options that have no effect, each with the other option that would give it one.

    Args:
        options: a dataclass of options.
        values: the options that are set; the others have their defaults.
        open_options: those that are still to be chosen, such as by a search. An option that depends on one of them has
            an effect.
    """
    hints = get_type_hints(options, include_extras=True)
    known = {spec.name: spec.default for spec in fields(options)} | dict(values)
    conditions = {
        name: note for name in known for note in getattr(hints[name], "__metadata__", ()) if isinstance(note, UsedWith)
    }
    return {
        name: needs
        for name, needs in conditions.items()
        if needs.option not in open_options and known[needs.option] not in needs.values
    }


def _describe(name: str, hint: Any, default: Any) -> OptionDescription:
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    doc = next((note.documentation for note in notes if isinstance(note, Doc)), "")
    space = next((note for note in notes if isinstance(note, LogRange | OneOf)), None)
    return OptionDescription(name, _type_text(kind, notes), default, doc, space)


def _type_text(kind: Any, notes: list[Any]) -> str:
    if get_origin(kind) is Literal:
        return " | ".join(str(choice) for choice in get_args(kind))
    signs = {"gt": ">", "ge": ">=", "lt": "<"}
    bounds = [f"{sign} {getattr(note, name)}" for note in notes for name, sign in signs.items() if hasattr(note, name)]
    return " ".join([kind.__name__, *bounds])
