"""Finds methods by name: those of zostudy and of any installed package."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from zostudy.errors import SpecError
from zostudy.methods.base import Method
from zostudy.wording import suggestion

ENTRY_POINT_GROUP = "zostudy.methods"

_METHODS: dict[str, type[Method]] = {}

MethodType = TypeVar("MethodType", bound=type[Method])


def register_method(name: str) -> Callable[[MethodType], MethodType]:
    """Returns a class decorator that registers a method under a name.

    An installed package needs no decorator: its entry-point group ``zostudy.methods`` names the class.
    """

    def register(method: MethodType) -> MethodType:
        method.name = name
        _METHODS[name] = method
        return method

    return register


def method_names() -> list[str]:
    """Returns all known names, sorted."""
    return sorted(_METHODS.keys() | _entry_points().keys())


def registered_here() -> dict[str, type[Method]]:
    """Returns the methods that the code of this process registered. Other processes cannot find them by name."""
    elsewhere = _entry_points()
    return {
        name: method
        for name, method in _METHODS.items()
        if name not in elsewhere and not method.__module__.startswith("zostudy.")
    }


def get_method(name: str) -> type[Method]:
    """Returns the method's class.

    Raises:
        SpecError: there is no such method; the message lists the known ones.
    """
    if name not in _METHODS:
        found = _entry_points().get(name)
        if found is None:
            names = method_names()
            remedy = suggestion(name, names, "choose one of these")
            raise SpecError(f"methods must be among {', '.join(names)}", got=f"got {name!r}", remedy=remedy)
        register_method(name)(_load(found))
    return _METHODS[name]


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def _load(point: EntryPoint) -> type[Method]:
    method = point.load()
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise SpecError(
            f"entry points of {ENTRY_POINT_GROUP} must name a subclass of zostudy.methods.Method",
            got=f"{point.name} = {point.value} does not",
            remedy="mend or uninstall that package",
        )
    return method
