"""A name for a study and its task, made of a file's."""

from __future__ import annotations

import re

LONGEST = 60


def task_name(stem: str) -> str:
    """Returns a file's name, without its extension, as a study may be called."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:LONGEST]
    return plain or "data"
