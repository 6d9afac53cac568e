"""What lets us into a cluster: its token, found where Ray looks for it, and never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zostudy.errors import ZostudyError

TOKEN_FILE = Path(".ray") / "auth_token"


@dataclass(frozen=True)
class Token:
    """A cluster's token, and where it was found; only the latter is ever shown."""

    source: str
    value: str

    def __repr__(self) -> str:
        return f"Token({self.source!r})"


def find_token(environment: Mapping[str, str], on_this_machine: bool) -> Token | None:
    """Returns the token to send: of RAY_AUTH_TOKEN, of RAY_AUTH_TOKEN_PATH, or of ``~/.ray/auth_token``.

    Ray itself makes the last one, for clusters of this machine; to others it goes only with RAY_AUTH_MODE=token.

    Raises:
        ZostudyError: RAY_AUTH_TOKEN_PATH leads to no file with a token, or a token is none that could be sent.
    """
    mode = environment.get("RAY_AUTH_MODE", "").lower()
    if mode == "disabled":
        return None
    if token := environment.get("RAY_AUTH_TOKEN", "").strip():
        return _checked(Token("RAY_AUTH_TOKEN", token))
    given = environment.get("RAY_AUTH_TOKEN_PATH")
    if not given and mode != "token" and not on_this_machine:
        return None
    path = Path(given) if given else Path.home() / TOKEN_FILE
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        if given:
            raise ZostudyError(
                f"RAY_AUTH_TOKEN_PATH must be a file with a token, but {path} cannot be read "
                f"({getattr(error, 'strerror', None) or 'it is no text'}); mend the path, or unset it"
            ) from None
        return None
    if given and not token:
        raise ZostudyError(
            f"RAY_AUTH_TOKEN_PATH must be a file with a token, but {path} is empty; mend it, or unset it"
        )
    return _checked(Token(str(path), token)) if token else None


def _checked(token: Token) -> Token:
    """Returns the token; one that no header can carry would come back, in clear, in an error's text."""
    if not re.fullmatch(r"[!-~]+", token.value):
        raise ZostudyError(
            f"a token must be one word of ASCII characters, but that of {token.source} is not; "
            "copy it anew from where the cluster was started"
        )
    return token
