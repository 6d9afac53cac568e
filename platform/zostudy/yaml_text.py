"""YAML by the core schema of version 1.2: the loader of nodes, and the dumper of plain data.

Scalars follow YAML 1.2 and not PyYAML's 1.1: ``yes``, ``no``, ``on`` and ``off`` are words (as label words often are),
``1e-3`` is a number, ``010`` is ten, and dates are text. Aliases are neither read nor written.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from zostudy.errors import SpecError

DEEPEST = 30
DEPTH_RULE, DEPTH_REMEDY = f"must be nested at most {DEEPEST} levels deep", "a study file has four"
NO_ALIASES = "aliases (*) are not taken"
_NEVER_BROKEN = 2**31


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
        raise SpecError(f"a study {DEPTH_RULE}", remedy=DEPTH_REMEDY) from None


def inline_yaml(value: Any) -> str:
    """Returns a value of a study on one line, to stand behind its key; it reads back as ``dump_yaml``'s does."""
    listed: str = yaml.dump(
        [value], Dumper=_Dumper, allow_unicode=True, default_flow_style=True, sort_keys=False, width=_NEVER_BROKEN
    )
    return listed.strip().removeprefix("[").removesuffix("]")


class NodeLoader(yaml.SafeLoader):
    """Composes nodes by the core schema of YAML 1.2, without aliases."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Returns the next node.

        Raises:
            ComposerError: it is an alias.
        """
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(problem=NO_ALIASES, problem_mark=mark)
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
    NodeLoader.add_implicit_resolver(_tag, re.compile(_pattern), _starts)
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern), _starts)
