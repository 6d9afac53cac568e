"""A path on this machine, as an option or argument gives it."""

from __future__ import annotations

from pathlib import Path

import typer


def local_path(text: str) -> Path:
    """Returns the path.

    Raises:
        typer.BadParameter: it is empty, or a URI, of which nothing is shown: it may hold a secret.
    """
    from zostudy.results.uris import is_uri

    if not text.strip():
        raise typer.BadParameter("must be a path, but is empty")
    if is_uri(text):
        raise typer.BadParameter("must be a path on this machine, but is like a URI")
    return Path(text)
