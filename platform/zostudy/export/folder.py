"""An export's folder: it appears whole, in place of an earlier export but of nothing else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zostudy.errors import ResultsError
from zostudy.export.manifest import FILES


def check_free(out: Path) -> None:
    """Checks that a folder is missing, empty, or an earlier export, which holds no other files than an export does.

    Raises:
        ResultsError: there is something else.
    """
    if not out.exists():
        return
    others = sorted(set(os.listdir(out)) - set(FILES)) if out.is_dir() else [out.name]
    if others:
        raise ResultsError(
            f"--to must be a new folder, or an earlier export to replace, but {out} holds {others[0]}; "
            "name another folder"
        )


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Gives an empty folder beside ``out`` that takes its place at the end; after an error nothing is left of it.

    Raises:
        ResultsError: the folder cannot be written.
    """
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
            new, old = Path(scratch) / "new", Path(scratch) / "old"
            new.mkdir()
            yield new
            if out.exists():
                out.rename(old)
            new.rename(out)
    except OSError as error:
        raise ResultsError(
            f"--to must be a folder that can be written, but {out} is not ({error.strerror or error}); name another one"
        ) from error
