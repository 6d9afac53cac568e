"""YAML text to plain data that remembers where each key was written.

Scalars follow YAML 1.2 and not PyYAML's 1.1: ``yes``, ``no``, ``on`` and ``off`` are words (label words often
are just these), ``1e-3`` is a number, ``010`` is ten, and dates are text. Keys are always text. Repeated
keys, aliases, tags for objects and numbers that are not finite are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from zostudy.errors import SpecError
from zostudy.spec.wording import clipped, printable

KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Place:
    """Where something was written: a line of a file counted from 1, or (line 0) a ``--set``."""

    line: int
    source: str

    @property
    def is_override(self) -> bool:
        """Whether ``--set`` gave it."""
        return self.line == 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True)
class Document:
    """Plain data, and the place of every key and list entry in it."""

    data: dict[str, Any]
    places: dict[KeyPath, Place]

    def place(self, path: KeyPath) -> Place:
        """Returns where the key was written; for one that was not, where the nearest part around it was."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]


def parse_document(text: str, source: str) -> Document:
    """Returns the YAML text of a file as a document.

    Raises:
        SpecError: it is no valid YAML, is empty, or is not a mapping of keys.
    """
    data, places = parse_yaml(text, lambda line: Place(line, source))
    if data is None:
        raise SpecError(f"{source}: a study file must hold keys, but it is empty; begin with name: my-study")
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        rule = f"a study file must be keys with values, but is {kind}"
        raise SpecError(f"{places[()]}: {rule}; begin with name: my-study")
    return Document(data, places)


def parse_yaml(text: str, place_of: Callable[[int], Place]) -> tuple[Any, dict[KeyPath, Place]]:
    """Returns plain data and the places in it, () being the whole.

    Args:
        text: one YAML document; an empty one is None.
        place_of: the place of a line, counted from 1.

    Raises:
        SpecError: it is no valid YAML or holds what a study file may not.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        reader = _Reader(place_of)
        data = None if node is None else reader.plain(node, ())
    except yaml.YAMLError as error:
        raise SpecError(_syntax_message(error, text, place_of)) from None
    except RecursionError:
        raise SpecError(f"{place_of(1)}: must be nested less deeply; a study file has four levels") from None
    return data, {(): place_of(1)} | reader.places


def dump_yaml(data: Any) -> str:
    """Returns YAML text that reads back as the same plain data, here and by YAML 1.1's rules."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Loader(yaml.SafeLoader):
    """Composes nodes by the core schema of YAML 1.2, without aliases."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(problem="aliases (*) are not taken", problem_mark=mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Quotes text that either version of YAML would read as something else."""


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Returns text as a node, in double quotes where a plain or folded line would change it."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text_node)

_NUMBER_STARTS = list("-+.0123456789")
_SCALARS = {
    "tag:yaml.org,2002:null": (r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (r"(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "tag:yaml.org,2002:int": (r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", _NUMBER_STARTS),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)$|(?:\.nan|\.NaN|\.NAN)$",
        _NUMBER_STARTS,
    ),
}
for _tag, (_pattern, _starts) in _SCALARS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _starts)
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern), _starts)


class _Reader:
    """Turns nodes into plain data and notes their places."""

    def __init__(self, place_of: Callable[[int], Place]) -> None:
        self.place_of = place_of
        self.places: dict[KeyPath, Place] = {}

    def plain(self, node: yaml.Node, path: KeyPath) -> Any:
        self.places.setdefault(path, self._place(node))
        if isinstance(node, yaml.MappingNode) and node.tag.endswith(":map"):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag.endswith(":seq"):
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
        read = _READERS.get(node.tag)
        if read is None or not isinstance(node, yaml.ScalarNode):
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise self._refused(node, path, f"must be a plain value, but got tag {tag}; remove the tag")
        try:
            return read(node.value)
        except (ValueError, KeyError, OverflowError):
            rule = f"must be a finite number, but got {clipped(node.value)}; write it in digits"
            raise self._refused(node, path, rule) from None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                rule = "must have words as keys, but one is a list or mapping; quote it"
                raise self._refused(key_node, path, rule)
            key = str(key_node.value)
            here = (*path, key)
            if key in data:
                first = self.places[here]
                rule = f"must be given once, but got it at {first} too; keep one of them"
                raise self._refused(key_node, here, rule)
            self.places[here] = self._place(key_node)
            data[key] = self.plain(value_node, here)
        return data

    def _refused(self, node: yaml.Node, path: KeyPath, rule: str) -> SpecError:
        key = f"{'.'.join(map(str, path))}: " if path else ""
        return SpecError(printable(f"{self._place(node)}: {key}{rule}"))

    def _place(self, node: yaml.Node) -> Place:
        return self.place_of(node.start_mark.line + 1)


def _whole(text: str) -> int:
    return int(text, 0 if text[:2] in ("0o", "0x") else 10)


def _finite(text: str) -> float:
    number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_READERS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:bool": lambda text: {"true": True, "false": False}[text.lower()],
    "tag:yaml.org,2002:int": _whole,
    "tag:yaml.org,2002:float": _finite,
    "tag:yaml.org,2002:str": str,
}


def _syntax_message(error: yaml.YAMLError, text: str, place_of: Callable[[int], Place]) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        line, problem = error.problem_mark.line + 1, str(error.problem)
    elif isinstance(error, yaml.reader.ReaderError):
        line, problem = text.count("\n", 0, error.position) + 1, "a control character is not allowed"
    else:
        line, problem = 1, str(error)
    remedy = "check quotes, brackets, colons and indentation there"
    if "\\t" in problem:
        remedy = "indent with spaces"
    problem = problem.removeprefix("but ")
    return printable(f"{place_of(line)}: must be valid YAML, and this is not: {problem}; {remedy}")
