"""A mistake in a study as one line: place, key, rule, value, remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zostudy.config.document import Document, KeyPath
from zostudy.errors import SpecError
from zostudy.wording import shown


@dataclass(frozen=True)
class Problem:
    """What is wrong with the value of one key.

    Attributes:
        path: the key, from the top of the study file.
        rule: what must hold, beginning with "must" or the like.
        value: what was given; None reads as nothing.
        remedy: what to do.
        message: said in place of rule, value and remedy, where another room has worded all three.
    """

    path: KeyPath
    rule: str = ""
    value: Any = None
    remedy: str = ""
    message: str = ""


def spec_error(problems: Iterable[Problem], document: Document) -> SpecError:
    """Returns the error that shows the problems, one line each, in the order of the file."""
    placed = sorted(problems, key=lambda problem: document.location(problem.path))
    errors = [_error(problem, document) for problem in placed]
    return SpecError.joined(list({str(error): error for error in errors}.values()))


def _error(problem: Problem, document: Document) -> SpecError:
    about = f"{document.location(problem.path)}: {key_text(problem.path)}"
    if problem.message:
        return SpecError(problem.message, about=about)
    return SpecError(problem.rule, got=f"got {shown(problem.value)}", remedy=problem.remedy, about=about)


def key_text(path: KeyPath) -> str:
    """Returns the key as ``--set`` takes it: dotted, entries of ``methods`` by label where there is one."""
    if path[:1] == ("methods",) and len(path) > 2:
        path = (path[0], *path[2:])
    return ".".join(map(str, path))
