"""Makes the files and folders of a study absolute, so that it means the same from any working directory."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path

from zostudy.config.known import BUILT_IN_MODELS
from zostudy.config.problems import Problem
from zostudy.config.study import StudySpec
from zostudy.document import Document, KeyPath
from zostudy.wording import file_suggestion

TASK_FILE = ("task", "file")
MODEL_NAME = ("model", "name")


def with_absolute_paths(document: Document, folder: Path) -> Document:
    """Returns the document with the task's file, and the model where it is a folder, as absolute paths.

    Relative ones start at the study file's folder, or at the working directory if an override gave them.
    """
    data = copy.deepcopy(document.data)
    for path in (TASK_FILE, MODEL_NAME):
        section, key = data.get(path[0]), path[1]
        if isinstance(section, dict) and isinstance(given := section.get(key), str) and given:
            start = Path.cwd() if document.location(path).has_no_file else folder
            absolute = os.path.abspath(start / os.path.expanduser(given))
            if path == TASK_FILE or _is_folder(given, absolute):
                section[key] = absolute
    return Document(data, document.locations)


def absent_paths(document: Document) -> set[KeyPath]:
    """Returns the keys of file and folder that are written as absolute paths and do not exist on this machine."""
    sections = {path: document.data.get(path[0]) for path in (TASK_FILE, MODEL_NAME)}
    written = {path: str(section.get(path[1])) for path, section in sections.items() if isinstance(section, dict)}
    return {path for path, given in written.items() if os.path.isabs(given) and not os.path.exists(given)}


def missing_here(study: StudySpec) -> list[str]:
    """Returns the paths of the study's file and folder that do not exist on this machine."""
    paths = [path for path in (study.task.file, study.model.name) if path is not None and os.path.isabs(path)]
    return [path for path in paths if not os.path.exists(path)]


def missing_paths(study: StudySpec) -> Iterator[Problem]:
    """Yields a problem for a data file or a model folder that does not exist."""
    file, model = study.task.file, study.model.name
    if file is not None and not os.path.isfile(file):
        rule = "must be a file and not a folder" if os.path.isdir(file) else "must be a file that exists"
        beside = os.listdir(folder) if os.path.isdir(folder := os.path.dirname(file)) else []
        yield Problem(TASK_FILE, rule, file, file_suggestion(file, beside, "mend the path"))
    if os.path.isabs(model) and not os.path.isdir(model):
        yield Problem(MODEL_NAME, "must be a folder that exists", model, "mend the path")


def _is_folder(given: str, absolute: str) -> bool:
    """Returns whether a model's name is a folder: it begins like a path, or such a folder exists."""
    if given in BUILT_IN_MODELS:
        return False
    return given.startswith((".", "/", "~")) or os.path.isdir(absolute)
