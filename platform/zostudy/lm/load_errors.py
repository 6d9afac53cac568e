"""Explains, in one line, any error of a library that reads a model, and keeps the library quiet."""

from __future__ import annotations

import io
import logging
import re
import socket
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

from zostudy.config.known import BUILT_IN_MODELS
from zostudy.errors import ModelError, ZostudyError
from zostudy.wording import nearest, one_line

if TYPE_CHECKING:
    from zostudy.lm.sources import ModelSource

_NO_MEMORY = ("allocate memory", "out of memory", "memory allocation")
_INSTALL = re.compile(r"pip install (?:-U |--upgrade )?['\"]?([A-Za-z][\w.-]*)")
_QUOTED_PACKAGE = re.compile(r"[`']([A-Za-z][\w-]*)[`']")


@contextmanager
def load_errors_explained(source: ModelSource, doing: str = "be loaded") -> Iterator[None]:
    """Runs a block in which transformers, tokenizers, safetensors or a quantiser read the model.

    Nothing that they print, warn of or log reaches the terminal. zostudy's own errors pass through, and so does what
    ends the process (Ctrl-C, exit).

    Args:
        source: the model.
        doing: says in the error what the model cannot do.

    Raises:
        ModelError: for whatever else the block raises.
    """
    try:
        with _quiet(), _hub_in_reach(source):
            yield
    except ZostudyError:
        raise
    except BaseException as error:
        if ends_the_process(error):
            raise
        raise _unreadable(source, error, doing) from error


def ends_the_process(error: BaseException) -> bool:
    """Returns whether an error is Ctrl-C or an exit: tokenizers panics with one that is no ``Exception`` either."""
    return not isinstance(error, Exception) and type(error).__name__ != "PanicException"


@contextmanager
def _quiet() -> Iterator[None]:
    from transformers.utils import logging as library

    verbosity, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity(logging.CRITICAL)
    library.disable_progress_bar()
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        library.set_verbosity(verbosity)
        if bars:
            library.enable_progress_bar()


@contextmanager
def _hub_in_reach(source: ModelSource) -> Iterator[None]:
    """Lets the hub's library read its cache alone where the hub is out of reach: it would ask for half a minute."""
    if Path(source.location).is_dir():
        yield
        return
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or _hub_is_unknown(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline


@cache
def _hub_is_unknown(endpoint: str) -> bool:
    """Returns whether the hub's name has no address here. Where a proxy is set, that one may know it."""
    hub = urlsplit(endpoint)
    if getproxies():
        return False
    try:
        socket.getaddrinfo(hub.hostname, hub.port or hub.scheme)
    except OSError:
        return True
    return False


def _unreadable(source: ModelSource, error: BaseException, doing: str) -> ModelError:
    """Returns the one-line error for a model that could not be read, with the remedy that fits the cause."""
    location, text, reason = source.location, str(error), _reason(error)
    if "trust_remote_code=True" in text:
        return ModelError(
            f"model {location} brings Python code of its own, which zostudy does not run unasked",
            remedy="read that code, and if you trust it set model.trust_remote_code to true, or give "
            "`trust_remote_code` to a verb that takes it",
        )
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _NO_MEMORY):
        return ModelError(
            "a model must fit into memory",
            got=f"{location} does not ({reason})",
            remedy="free memory or raise its limit (ulimit -v, the container's), or name a smaller model",
        )
    if isinstance(error, ImportError):
        package = _missing_package(error)
        install = f"run: pip install {package}" if package else "install it"
        return ModelError(
            f"model {location} needs {package or 'a package'}, which is not installed ({reason})",
            remedy=f"{install}, or name a model that does without",
        )
    if isinstance(error, OSError) and not Path(location).is_dir():
        known = nearest(location, BUILT_IN_MODELS)
        near = f"did you mean {known}? Else " if known else "check the name, "
        return ModelError(
            f"model '{location}' is neither embedded, nor a folder, nor to be had from the hub ({reason})",
            remedy=f"{near}download it once with a network, or name a folder",
        )
    return ModelError(
        f"the model in {location} cannot {doing} ({reason})",
        remedy="check that its config.json, tokenizer and weights are whole and belong together, or name another model",
    )


def _reason(error: BaseException) -> str:
    """Returns the message of an error, in one short line."""
    text = str(error).strip()
    if isinstance(error, OSError | ValueError) and type(error).__module__.partition(".")[0] in ("builtins", "zostudy"):
        text = text.partition("\n")[0]  # transformers' other lines are advice, which does not always fit
    text = one_line(text).rstrip(".: ") or type(error).__name__
    if isinstance(error, KeyError):  # its message is the key alone
        text = f"unknown or missing: {text}"
    return textwrap.shorten(text, 160, placeholder=" ...")


def _missing_package(error: ImportError) -> str | None:
    found = _INSTALL.search(str(error))
    if found:
        return found[1].rstrip(".-")
    if error.name:
        return error.name.partition(".")[0]
    quoted = _QUOTED_PACKAGE.search(str(error))
    return quoted[1] if quoted else None
