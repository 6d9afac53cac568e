from __future__ import annotations

import pytest

from zostudy.cli.app import app
from zostudy.cli.flags import flagged


@pytest.mark.parametrize(
    ("verb", "message", "shown"),
    [
        ("run", "`results`: must be a folder", "--results: must be a folder"),
        ("run", "`dry_run` or `set`", "--dry-run or --set"),
        ("run", "`overrides` seed=x", "--set seed=x"),
        ("compare", "`study` is no flag here", "study is no flag here"),
        ("no-such-verb", "`results` stays a word", "results stays a word"),
        ("run", "a file called `A B`", "a file called `A B`"),
    ],
)
def test_a_parameter_is_shown_as_the_flag_of_the_verb(verb: str, message: str, shown: str) -> None:
    assert flagged(message, app, verb) == shown
