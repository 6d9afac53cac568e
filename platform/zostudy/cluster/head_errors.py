"""Errors of requests to a head node: whether they are transient, and their reason in a few words."""

from __future__ import annotations

import re

from zostudy.errors import ZostudyError

NO_AGENT = re.compile("No available agent|Failed to get head node agent")


def is_transient(error: BaseException) -> bool:
    """Returns whether the same request may succeed a little later."""
    from requests.exceptions import ChunkedEncodingError, Timeout
    from requests.exceptions import ConnectionError as RequestsConnectionError

    if isinstance(error, ZostudyError):
        return False
    if isinstance(error, RequestsConnectionError | Timeout | ChunkedEncodingError | ConnectionError):
        return True
    return (http_status(error) or 0) >= 500


def http_status(error: BaseException) -> int | None:
    """Returns the HTTP status that Ray's client put into an error, or None."""
    response = getattr(error, "response", None)
    if response is not None:
        return int(response.status_code)
    found = re.search(r"status code (\d{3})", str(error))
    return int(found[1]) if found else None


def has_cause(error: BaseException | None, kinds: tuple[type[BaseException], ...]) -> bool:
    """Returns whether an error, or one of its causes, is of one of these kinds."""
    while error is not None:
        if isinstance(error, kinds):
            return True
        error = error.__cause__ or error.__context__
    return False


def in_short(error: BaseException) -> str:
    """Returns the system's words of a connection error, or the last line of a traceback."""
    text = str(error)
    if NO_AGENT.search(text):
        return "it has no job agent yet"
    if system := re.search(r"\[Errno -?\d+\] ([^'\")]+)", text):
        return system[1]
    if "timed out" in text:
        return "no answer in time"
    lines = [line.strip() for line in text.splitlines() if line.strip(" .")]
    return (lines[-1] if lines else type(error).__name__)[:200].rstrip(".")


def remedy(error: BaseException) -> str:
    """Returns what the user can do about an error that repeating the request did not cure."""
    if NO_AGENT.search(str(error)):
        return "give the cluster time to start; else the head's dashboard_agent.log says why it did not start"
    return "see that the head lives, and try again" if is_transient(error) else "the head's dashboard.log says more"
