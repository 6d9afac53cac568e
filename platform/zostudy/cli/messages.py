"""The one line that the command line prints for an error, with the flags of the called verb."""

from __future__ import annotations

import errno
import re
import resource
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import typer

from zostudy.wording import one_line, suggestion

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""Click's ``UsageError``, taken from typer, as some versions of typer contain a click of their own."""

_REMEDIES = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "free some of your quota there",
    errno.EROFS: "choose a path that can be written",
    errno.EACCES: "choose a path that you may read and write",
    errno.EPERM: "choose a path that you may read and write",
    errno.EMFILE: "raise the limit: ulimit -n 65536",
    errno.ENFILE: "close other programs",
    errno.EIO: "check the disk",
    errno.ENAMETOOLONG: "choose a shorter path",
}
_MAPPING_FAILED = ("failed to map segment", "cannot allocate memory")
_flags: Callable[[], dict[str, str]] = dict


def set_verb(app: typer.Typer, verb: str) -> None:
    """Says which verb is called, so that ``flagged`` knows its flags. A verb that does not exist has no flags."""
    global _flags
    _flags = cache(partial(_flags_of, app, verb))


def flagged(message: str) -> str:
    """Returns a message with the flags of the called verb for the API's parameters.

    `baseline` in backticks becomes --baseline. A parameter that is no flag of the verb only loses its backticks.
    """
    return re.sub(r"`([a-z_]+)`", lambda found: _flags().get(found[1], found[1]), message)


def _flags_of(app: typer.Typer, verb: str) -> dict[str, str]:
    called = typer.main.get_group(app).commands.get(verb)
    names = [name for each in (called.params if called else []) for name in each.opts if name.startswith("--")]
    return {name[2:].replace("-", "_"): name for name in names} | ({"overrides": "--set"} if "--set" in names else {})


def usage_line(error: Any) -> str:
    """Returns click's message on wrong arguments, with a similar existing word or the command that shows the help."""
    message, suggested = _split_suggestion(one_line(error.format_message()))
    see = f"{error.ctx.command_path if error.ctx else 'zostudy'} --help shows what can be given"
    if suggested:
        remedy = f"did you mean {suggested}?"
    elif chosen := re.search(r"'([^']*)' is not one of (.*)$", message):
        remedy = suggestion(chosen[1], re.findall(r"'([^']*)'", chosen[2]), see)
    elif "unexpected extra argument" in message and "=" in message and "overrides" in _flags():
        remedy = "write --set in front of each setting"
    else:
        remedy = see
    return f"{message[:1].lower()}{message[1:]}; {remedy}"


def machine_fault(error: ImportError | MemoryError | OSError) -> str | None:
    """Returns the line for an error of the machine (memory, disk, open files, access); None for any other error."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return _memory_fault("the machine has no more")
    if isinstance(error, ImportError):
        text = str(error).lower()
        return (
            _memory_fault(f"a library cannot be loaded ({error})") if any(f in text for f in _MAPPING_FAILED) else None
        )
    if error.errno not in _REMEDIES:
        return None
    refused = f"{error.filename or 'a file'} ({error.strerror})"
    return f"the system must allow what zostudy does, but it refuses {refused}; {_REMEDIES[error.errno]}"


def _split_suggestion(message: str) -> tuple[str, str]:
    """Returns click's message without its full stop, and the words that click suggests, or an empty text."""
    message, _, suggested = re.sub(r"\(Possible \w+: ([^)]*)\)", r"Did you mean \1", message).partition("Did you mean")
    message = message.replace("Value error, ", "").replace("Input should be", "must be")
    return message.strip().rstrip("."), re.sub(r"['?]", "", suggested).strip().replace(", ", " or ")


def _memory_fault(what: str) -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    rule = f"zostudy must get the memory that it asks for, but {what}"
    if limit != resource.RLIM_INFINITY:
        return f"{rule}, as ulimit -v allows {limit / 2**30:.1f} GiB; raise the limit: ulimit -v unlimited"
    return f"{rule}; close other programs, or take a smaller model or budget.batch_size"
