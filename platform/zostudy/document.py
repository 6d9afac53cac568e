"""Reads YAML text as plain data, with the location of each key.

Keys are always text. Repeated keys, aliases, tags for objects, numbers that are not finite and text that no file can
hold are refused. ``yaml_text`` says which scalars are numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from zostudy.errors import SpecError
from zostudy.wording import clipped
from zostudy.yaml_text import DEEPEST, DEPTH_REMEDY, DEPTH_RULE, NO_ALIASES, NodeLoader

KeyPath: TypeAlias = tuple[str | int, ...]

_BEGIN = "begin with name: my-study"


@dataclass(frozen=True, order=True)
class Location:
    """The origin of a key: a line of a file, counted from 1, or (line 0) an override or a study without a file."""

    line: int
    source: str

    @property
    def has_no_file(self) -> bool:
        """True if no file gave it."""
        return self.line == 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True)
class Document:
    """Plain data, and the location of every key and list entry in it."""

    data: dict[str, Any]
    locations: dict[KeyPath, Location]

    def location(self, path: KeyPath) -> Location:
        """Returns the location of a key; of one that was not written, the location of the nearest part around it."""
        while path not in self.locations:
            path = path[:-1]
        return self.locations[path]


def key_text(path: KeyPath) -> str:
    """Returns the key as an override names it: dotted, entries of ``methods`` by label where they have one."""
    if path[:1] == ("methods",) and len(path) > 2:
        path = (path[0], *path[2:])
    return ".".join(map(str, path))


def parse_document(text: str, source: str, has_lines: bool = True) -> Document:
    """Returns the YAML text of a file as a document, or of data without lines that a user could look up.

    Raises:
        SpecError: the text is not valid YAML, is empty, or is not a mapping of keys.
    """
    data, locations = parse_yaml(text, lambda line: Location(line if has_lines else 0, source))
    if data is None:
        raise SpecError("a study file must hold keys", got="it is empty", remedy=_BEGIN, about=source)
    if not isinstance(data, dict):
        got = "is a list" if isinstance(data, list) else "is a single value"
        raise SpecError("a study file must be keys with values", got=got, remedy=_BEGIN, about=str(locations[()]))
    return Document(data, locations)


def parse_yaml(
    text: str, location_of: Callable[[int], Location], path: KeyPath = ()
) -> tuple[Any, dict[KeyPath, Location]]:
    """Returns plain data and the location of each key in it.

    Args:
        text: one YAML document; an empty one is None.
        location_of: the location of a line, counted from 1.
        path: of the whole, where it is the value of a key.

    Raises:
        SpecError: the text is not valid YAML, or holds something that a study file may not.
    """
    reader, node = _NodeReader(location_of), _node(text, location_of)
    data = None if node is None else reader.plain(node, path)
    return data, {path: location_of(1)} | reader.locations


def _node(text: str, location_of: Callable[[int], Location]) -> yaml.Node | None:
    try:
        loader = NodeLoader(text)
        return loader.get_single_node()
    except yaml.YAMLError as error:
        line, problem, remedy = _syntax_problem(error, text)
    except (ValueError, OverflowError):  # of an escape or a version number that is out of range
        problem, remedy = "there is no character or version of such a number", "write the character itself"
        line = loader.line
    except RecursionError:
        raise SpecError(DEPTH_RULE, remedy=DEPTH_REMEDY, about=str(location_of(1))) from None
    rule = f"must be valid YAML, and this is not: {problem}"
    raise SpecError(rule, remedy=remedy, about=str(location_of(line + 1)))


class _NodeReader:
    """Turns nodes into plain data and records their locations."""

    def __init__(self, location_of: Callable[[int], Location]) -> None:
        self.location_of = location_of
        self.locations: dict[KeyPath, Location] = {}

    def plain(self, node: yaml.Node, path: KeyPath) -> Any:
        self.locations.setdefault(path, self._location(node))
        if len(path) > DEEPEST:
            raise self._refused(node, path[:1], DEPTH_RULE, remedy=DEPTH_REMEDY)
        if isinstance(node, yaml.MappingNode) and node.tag.endswith(":map"):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag.endswith(":seq"):
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
        read = _READERS.get(node.tag)
        if read is None or not isinstance(node, yaml.ScalarNode):
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise self._refused(node, path, "must be a plain value", f"got tag {tag}", "remove the tag")
        self._check_text(node, path)
        try:
            return read(node.value)
        except (ValueError, KeyError, OverflowError):
            rule, remedy = "must be true, false or null", "remove the tag"
            if read in (_whole, _finite):
                rule, remedy = "must be a finite number", "write it in digits"
            raise self._refused(node, path, rule, f"got {clipped(node.value) or 'nothing'}", remedy) from None

    def _check_text(self, node: yaml.ScalarNode, path: KeyPath) -> None:
        """Refuses characters that an escape in YAML can name but no path, token or file can hold."""
        unfit = _UNFIT.search(node.value)
        if unfit:
            got = f"has the character U+{ord(unfit[0]):04X}"
            remedy = "remove it, or write a pair of \\u escapes as one character"
            raise self._refused(node, path, "must be text that a file can hold", got, remedy)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._refused(key_node, path, "must have words as keys", "one is a list or mapping", "quote it")
            self._check_text(key_node, path)
            key = str(key_node.value)
            here = (*path, key)
            if key in data:
                got = f"got it at {self.locations[here]} too"
                raise self._refused(key_node, here, "must be given once", got, "keep one of them")
            self.locations[here] = self._location(key_node)
            data[key] = self.plain(value_node, here)
        return data

    def _refused(self, node: yaml.Node, path: KeyPath, rule: str, got: str = "", remedy: str = "") -> SpecError:
        key = f": {key_text(path)}" if path else ""
        return SpecError(rule, got=got, remedy=remedy, about=f"{self._location(node)}{key}")

    def _location(self, node: yaml.Node) -> Location:
        return self.location_of(node.start_mark.line + 1)


def _whole(text: str) -> int:
    return int(text, 0 if text[:2] in ("0o", "0x") else 10)


def _finite(text: str) -> float:
    number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_UNFIT = re.compile("[\0\ud800-\udfff]")

_READERS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda text: {"": None, "~": None, "null": None}[text.lower()],
    "tag:yaml.org,2002:bool": lambda text: {"true": True, "false": False}[text.lower()],
    "tag:yaml.org,2002:int": _whole,
    "tag:yaml.org,2002:float": _finite,
    "tag:yaml.org,2002:str": str,
}


_REMEDIES = {
    "\\t": "indent with spaces",
    NO_ALIASES: "write the value out",
    "another document": "keep one document, without the line ---",
}
"""By a part of the parser's message."""


def _syntax_problem(error: yaml.YAMLError, text: str) -> tuple[int, str, str]:
    """Returns the line, counted from 0, the problem there, and the remedy."""
    if isinstance(error, yaml.reader.ReaderError):
        problem = f"the character U+{ord(text[error.position]):04X} is not allowed"
        return text.count("\n", 0, error.position), problem, "remove it, and save the text as UTF-8"
    line, problem = 0, str(error)
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        line, problem = error.problem_mark.line, str(error.problem)
    otherwise = "check quotes, brackets, colons and indentation there"
    remedy = next((remedy for word, remedy in _REMEDIES.items() if word in problem), otherwise)
    return line, problem.removeprefix("but "), remedy
