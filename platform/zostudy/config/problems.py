"""A mistake in a study as one line: location, key, rule, value, remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zostudy.document import Document, KeyPath, key_text
from zostudy.errors import SpecError
from zostudy.wording import shown


@dataclass(frozen=True)
class Problem:
    """A rule that the value of one key breaks.

    Attributes:
        path: the key, from the top of the study file.
        rule: what must hold, beginning with "must" or the like.
        value: the value that was given; None reads as nothing.
        remedy: what to do.
        error: raised elsewhere for the same key; it replaces rule, value and remedy.
    """

    path: KeyPath
    rule: str = ""
    value: Any = None
    remedy: str = ""
    error: SpecError | None = None


def spec_error(problems: Iterable[Problem], document: Document) -> SpecError:
    """Returns the error that shows the problems, one line each, in the order of the file."""
    in_order = sorted(problems, key=lambda problem: document.location(problem.path))
    errors = [_error(problem, document) for problem in in_order]
    return SpecError.joined(list({str(error): error for error in errors}.values()))


def _error(problem: Problem, document: Document) -> SpecError:
    about = f"{document.location(problem.path)}: {key_text(problem.path)}"
    if problem.error is None:
        return SpecError(problem.rule, got=f"got {shown(problem.value)}", remedy=problem.remedy, about=about)
    error = problem.error
    inner = f": {error.about}" if error.about else ""
    return SpecError(error.rule, got=error.got, remedy=error.remedy, about=about + inner)
