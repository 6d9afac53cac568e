"""The files that come with the package: studies, of which a bare name stands for one, and the schema of studies."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "studies"  # in a checkout, a link to its folder of studies
SCHEMA_FILE = Path(__file__).with_name("study.schema.json")


def shipped_studies() -> list[str]:
    """Returns the names of the shipped studies, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def study_path(given: str | os.PathLike[str]) -> Path:
    """Returns the file of a study: the path itself, or that of a shipped study if the name of one is no file here."""
    path = Path(given)
    is_shipped = not path.is_file() and os.fspath(given) in shipped_studies()
    return FOLDER / f"{path.name}.yaml" if is_shipped else path
