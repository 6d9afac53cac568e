"""A call that the command line cannot take, in one line."""

from __future__ import annotations

import re
from typing import Any

import typer

from zostudy.wording import suggestion

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""Click's; a typer may hold a click of its own within itself."""


def usage_line(error: Any) -> str:
    """Returns what is wrong with a call and what is near to it, else how to see what can be given."""
    message, suggested = _parted(" ".join(error.format_message().split()))
    see = f"{error.ctx.command_path if error.ctx else 'zostudy'} --help shows what can be given"
    if suggested:
        remedy = f"did you mean {suggested}?"
    elif chosen := re.search(r"'([^']*)' is not one of (.*)$", message):
        remedy = suggestion(chosen[1], re.findall(r"'([^']*)'", chosen[2]), see)
    else:
        remedy = see
    return f"{message[:1].lower()}{message[1:]}; {remedy}"


def _parted(message: str) -> tuple[str, str]:
    """Returns what click says without its full stop, and what it suggests, if anything."""
    message, _, suggested = re.sub(r"\(Possible \w+: ([^)]*)\)", r"Did you mean \1", message).partition("Did you mean")
    message = message.replace("Value error, ", "").replace("Input should be", "must be")
    return message.strip().rstrip("."), re.sub(r"['?]", "", suggested).strip().replace(", ", " or ")
