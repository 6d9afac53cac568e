"""The study's file as a report reads it: word for word, its methods in their order, and what was searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zostudy.errors import ResultsError
from zostudy.results.storage import Storage
from zostudy.results.study_file import STUDY_FILE, read_stored_study


@dataclass(frozen=True)
class StudyFile:
    """A study's file.

    Attributes:
        storage: the study's.
        text: all of it.
        methods: their labels, in its order.
        space: the keys that were searched, each with its choices or its range.
    """

    storage: Storage
    text: str
    methods: tuple[str, ...]
    space: Mapping[str, Any]


def read_study_file(storage: Storage) -> StudyFile:
    """Returns the file of the study in a study's storage.

    Raises:
        ResultsError: it is missing, cannot be read, or holds no study.
    """
    stored = read_stored_study(storage, "a report", "give a folder that zostudy run wrote")
    spec = stored.data
    search = spec.get("search") or {}
    space = (search.get("space") or {}) if isinstance(search, dict) else None
    if not isinstance(space, dict):
        raise ResultsError(f"{storage / STUDY_FILE} must hold a study, but does not; restore it as the run wrote it")
    return StudyFile(storage, stored.text, _methods(spec), space)


def _methods(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the labels: a method stands there by its name, or as a mapping of its label to its options."""
    given = spec.get("methods")
    listed = given if isinstance(given, list) else []
    return tuple(str(label) for entry in listed for label in (entry if isinstance(entry, dict) else [entry]))
