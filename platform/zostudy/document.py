"""Reads YAML text as plain data, with the location of each key.

Scalars follow YAML 1.2 and not PyYAML's 1.1: ``yes``, ``no``, ``on`` and ``off`` are words (as label words often are),
``1e-3`` is a number, ``010`` is ten, and dates are text. Keys are always text. Repeated keys, aliases, tags for
objects, numbers that are not finite and text that no file can hold are refused.
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

KeyPath: TypeAlias = tuple[str | int, ...]

DEEPEST = 30
_DEPTH_RULE, _DEPTH_REMEDY = f"must be nested at most {DEEPEST} levels deep", "a study file has four"
_NEVER_BROKEN = 2**31
_NO_ALIASES = "aliases (*) are not taken"
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


def parse_yaml(text: str, location_of: Callable[[int], Location]) -> tuple[Any, dict[KeyPath, Location]]:
    """Returns plain data and the location of each key in it; the empty path is the whole.

    Args:
        text: one YAML document; an empty one is None.
        location_of: the location of a line, counted from 1.

    Raises:
        SpecError: the text is not valid YAML, or holds something that a study file may not.
    """
    reader, node = _NodeReader(location_of), _node(text, location_of)
    data = None if node is None else reader.plain(node, ())
    return data, {(): location_of(1)} | reader.locations


def _node(text: str, location_of: Callable[[int], Location]) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.YAMLError as error:
        line, problem, remedy = _syntax_problem(error, text)
    except (ValueError, OverflowError):  # of an escape or a version number that is out of range
        problem, remedy = "there is no character or version of such a number", "write the character itself"
        line = loader.line
    except RecursionError:
        raise SpecError(_DEPTH_RULE, remedy=_DEPTH_REMEDY, about=str(location_of(1))) from None
    rule = f"must be valid YAML, and this is not: {problem}"
    raise SpecError(rule, remedy=remedy, about=str(location_of(line + 1)))


def dump_yaml(data: Any) -> str:
    """Returns YAML text that reads back as the same plain data, here and by YAML 1.1's rules.

    Raises:
        SpecError: the data contains itself, or anything but text, numbers, lists and mappings.
    """
    try:
        return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    except yaml.representer.RepresenterError as error:
        kind = type(error.args[-1]).__name__
        rule = "a study must be text, numbers, lists and mappings"
        raise SpecError(rule, got=f"holds a {kind}", remedy="convert it") from None
    except RecursionError:
        raise SpecError(f"a study {_DEPTH_RULE}", remedy=_DEPTH_REMEDY) from None


def inline_yaml(value: Any) -> str:
    """Returns a value of a study on one line, to stand behind its key; it reads back as ``dump_yaml``'s does."""
    listed: str = yaml.dump(
        [value], Dumper=_Dumper, allow_unicode=True, default_flow_style=True, sort_keys=False, width=_NEVER_BROKEN
    )
    return listed.strip().removeprefix("[").removesuffix("]")


class _Loader(yaml.SafeLoader):
    """Composes nodes by the core schema of YAML 1.2, without aliases."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(problem=_NO_ALIASES, problem_mark=mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Quotes text that either version of YAML would read as something else; writes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


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


class _NodeReader:
    """Turns nodes into plain data and records their locations."""

    def __init__(self, location_of: Callable[[int], Location]) -> None:
        self.location_of = location_of
        self.locations: dict[KeyPath, Location] = {}

    def plain(self, node: yaml.Node, path: KeyPath) -> Any:
        self.locations.setdefault(path, self._location(node))
        if len(path) > DEEPEST:
            raise self._refused(node, path[:1], _DEPTH_RULE, remedy=_DEPTH_REMEDY)
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
        key = f": {'.'.join(map(str, path))}" if path else ""
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
    _NO_ALIASES: "write the value out",
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
