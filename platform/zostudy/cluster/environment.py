"""Environment variables that hold for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0"}
"""Ray says nothing of its plans, and reports nothing home, unless the user wants it to."""


@contextmanager
def environment(settings: Mapping[str, str], keep: bool = False) -> Iterator[None]:
    """Sets variables of this process and of those that it starts, and puts back what was there before.

    Args:
        settings: values by name.
        keep: leaves variables alone that the user has set.
    """
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update({name: value for name, value in settings.items() if not keep or before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
