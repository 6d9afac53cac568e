"""Checks the arguments of public functions, for callers without a type checker."""

from __future__ import annotations

import os
from pathlib import Path

from zostudy.errors import ZostudyError
from zostudy.wording import clipped


def path_of(value: object, name: str) -> Path:
    """Returns the path that the argument ``name`` gives.

    Raises:
        ZostudyError: it is no path, or it is empty.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise _refused("must be a path", value, name, "give a file or folder")
    return Path(os.fsdecode(value))


def check_texts(**arguments: object) -> None:
    """Raises a ``ZostudyError`` unless each argument is None, or text that is not empty."""
    for name, value in arguments.items():
        if not isinstance(value, str | None):
            raise _refused("must be text", value, name, "put it in quotes, or leave it out")
        if value == "":
            raise _refused("must not be empty", value, name, "leave it out")


def _refused(rule: str, value: object, name: str, remedy: str) -> ZostudyError:
    return ZostudyError(rule, got=f"got {clipped(repr(value))}", remedy=remedy, about=f"`{name}`")
