"""Parameters of the public API as the command line calls them: `baseline` becomes --baseline."""

from __future__ import annotations

import re

import typer


def flagged(message: str, app: typer.Typer, verb: str) -> str:
    """Returns the message with each parameter in backticks as the flag of the verb that takes it.

    A parameter that is no flag of the verb loses its backticks only.

    Args:
        message: of an error, one line.
        app: holds all verbs.
        verb: the verb that was called.
    """
    if "`" not in message:
        return message
    called = typer.main.get_group(app).commands.get(verb)
    names = [name for each in (called.params if called else []) for name in each.opts if name.startswith("--")]
    flags = {name[2:].replace("-", "_"): name for name in names} | ({"overrides": "--set"} if "--set" in names else {})
    return re.sub(r"`([a-z_]+)`", lambda found: flags.get(found[1], found[1]), message)
