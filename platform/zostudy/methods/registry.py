"""Finds methods by name: those of zostudy and of any installed package."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import TypeVar, get_args

from zostudy.errors import SpecError, one_line_of
from zostudy.methods.base import Method
from zostudy.methods.options import MethodOptions
from zostudy.methods.queries import Access
from zostudy.wording import suggestion

ENTRY_POINT_GROUP = "zostudy.methods"

_METHODS: dict[str, type[Method]] = {}

MethodType = TypeVar("MethodType", bound=type[Method])


def register_method(name: str) -> Callable[[MethodType], MethodType]:
    """Returns a class decorator that registers a method under a name.

    An installed package needs no decorator: its entry-point group ``zostudy.methods`` names the class. A name may be
    registered again, as a notebook does that runs a cell twice, but not that of a method of zostudy.

    Raises:
        SpecError: the name or the class cannot be used.
    """

    def register(method: MethodType) -> MethodType:
        _check(name, method)
        method.name = name
        _METHODS[name] = method
        return method

    return register


def method_names() -> list[str]:
    """Returns all known names, sorted."""
    return sorted(_METHODS.keys() | _entry_points().keys())


def registered_here() -> dict[str, type[Method]]:
    """Returns the methods that are not zostudy's own, for processes that cannot find them by name."""
    return {name: method for name, method in _METHODS.items() if not _is_own(method)}


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


def _check(name: object, method: object) -> None:
    if not isinstance(name, str):
        rule, remedy = "a method's name must be text", 'write @register_method("my-method") above its class'
        raise SpecError(rule, got=f"got {name!r}", remedy=remedy)
    about = f"method {name!r}"
    if not (isinstance(method, type) and issubclass(method, Method)) or isabstract(method):
        raise SpecError(
            "must be a subclass of zostudy.Method with a step and a step_cost", got=f"got {method!r}", about=about
        )
    if _is_own(_METHODS.get(name, method)) and not _is_own(method):
        raise SpecError("must not have the name of a method of zostudy", remedy="choose another name", about=about)
    if method.needs not in get_args(Access):
        rule, got = f"its needs must be one of {', '.join(get_args(Access))}", f"got {method.needs!r}"
        raise SpecError(rule, got=got, remedy="name one of these", about=about)
    options = getattr(method, "Options", None)
    if not (isinstance(options, type) and issubclass(options, MethodOptions) and _is_made(options)):
        rule = "its Options must be a frozen dataclass that inherits from zostudy.methods.MethodOptions"
        remedy = "decorate it with @dataclass(frozen=True, kw_only=True)"
        raise SpecError(rule, got=f"got {options!r}", remedy=remedy, about=about)


def _is_made(options: type) -> bool:
    """Returns whether the class itself is a dataclass. If only its base is one, its own fields are no options."""
    return "__dataclass_fields__" in vars(options)


def _is_own(method: type[Method]) -> bool:
    return method.__module__.startswith("zostudy.")


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def _load(point: EntryPoint) -> type[Method]:
    try:
        method = point.load()
    except Exception as error:  # whatever the package's own code raises
        raise SpecError(
            f"entry points of {ENTRY_POINT_GROUP} must name a class that can be imported",
            got=f"{point.name} = {point.value} cannot ({one_line_of(error)})",
            remedy="mend or uninstall that package",
        ) from error
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise SpecError(
            f"entry points of {ENTRY_POINT_GROUP} must name a subclass of zostudy.methods.Method",
            got=f"{point.name} = {point.value} does not",
            remedy="mend or uninstall that package",
        )
    return method
