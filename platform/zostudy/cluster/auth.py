"""The token that lets us into a cluster: found where Ray looks for it, and never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zostudy.errors import ZostudyError

TOKEN_FILE = Path(".ray") / "auth_token"


@dataclass(frozen=True)
class Token:
    """A cluster's token, and where it was found. Only the latter is ever shown."""

    source: str
    value: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of the ``Authorization`` header."""
        return f"Bearer {self.value}"


def find_token(environment: Mapping[str, str], on_this_machine: bool) -> Token | None:
    """Returns the token to send: of RAY_AUTH_TOKEN, of RAY_AUTH_TOKEN_PATH, or of ``~/.ray/auth_token``.

    Ray makes the last one for clusters of this machine. It goes to others only with RAY_AUTH_MODE=token.

    Raises:
        ZostudyError: RAY_AUTH_TOKEN_PATH leads to no file with a token, or a header cannot carry the token.
    """
    mode = environment.get("RAY_AUTH_MODE", "").lower()
    if mode == "disabled":
        return None
    if token := environment.get("RAY_AUTH_TOKEN", "").strip():
        return _checked(Token("RAY_AUTH_TOKEN", token))
    if given := environment.get("RAY_AUTH_TOKEN_PATH"):
        return _checked(Token(given, _read_given(Path(given))))
    if mode != "token" and not on_this_machine:
        return None
    path = Path.home() / TOKEN_FILE
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return _checked(Token(str(path), token)) if token else None


def _read_given(path: Path) -> str:
    rule = "RAY_AUTH_TOKEN_PATH must be a file with a token"
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ZostudyError(
            rule, got=f"{path} cannot be read ({reason})", remedy="correct the path, or unset it"
        ) from None
    if not token:
        raise ZostudyError(rule, got=f"{path} is empty", remedy="correct it, or unset it")
    return token


def _checked(token: Token) -> Token:
    """Returns the token. One that no header can carry would come back, in clear, in an error's text."""
    if not re.fullmatch(r"[!-~]+", token.value):
        raise ZostudyError(
            "a token must be one word of ASCII characters",
            got=f"that of {token.source} is not",
            remedy="copy it anew from where the cluster was started",
        )
    return token
