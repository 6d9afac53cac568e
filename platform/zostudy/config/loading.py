"""From a study file and its overrides to a checked study."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

from pydantic import ValidationError

from zostudy.config.checks import check_study
from zostudy.config.entries import method_specs
from zostudy.config.explain import explain
from zostudy.config.known import shipped_studies, study_path
from zostudy.config.overrides import override
from zostudy.config.paths import absent_paths, with_absolute_paths
from zostudy.config.problems import Problem, spec_error
from zostudy.config.space import with_default_space
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.document import Document, KeyPath, key_text, parse_document
from zostudy.errors import SpecError
from zostudy.wording import clipped, comma_list, file_suggestion
from zostudy.yaml_text import DEEPEST, dump_yaml

_STAND_IN = (MethodSpec(label="stand-in", algorithm="stand-in"),)


def load_study(path: str | os.PathLike[str], overrides: Sequence[str] = (), elsewhere: bool = False) -> StudySpec:
    """Returns the study that a file asks for.

    Args:
        path: the YAML file, or the name of a shipped study, such as ``quickstart``.
        overrides: settings ``key=value``; later ones win.
        elsewhere: whether the study runs on other machines; its absolute paths need not exist on this one.

    Returns:
        The study, with the paths in it absolute.

    Raises:
        SpecError: the file cannot be read or breaks a rule. Each mistake is one line, in the order of the file:
            ``FILE:LINE: KEY: RULE, but got VALUE; REMEDY``. For an override, the override stands in place of file and
            line.
    """
    if not isinstance(path, str | os.PathLike):
        raise SpecError(
            "a study must be a file, the name of a shipped study, its content as a mapping, or what load_study returns",
            got=f"got {clipped(repr(path))}",
            remedy='write "quickstart", for example',
        )
    file = study_path(path)
    document = override(parse_document(_read(file), os.fspath(file)), overrides)
    return _checked(document, file.parent, absent_paths(document) if elsewhere else ())


def study_of(data: Mapping[str, Any], overrides: Sequence[str] = ()) -> StudySpec:
    """Returns the study that plain data asks for: the data of a study file. Relative paths start here.

    Raises:
        SpecError: the data breaks a rule; see ``load_study``. ``study`` stands in place of file and line.
    """
    _check_plain(data, ())
    return _checked(override(parse_document(dump_yaml(data), "study", has_lines=False), overrides), Path.cwd())


def _check_plain(data: Any, path: KeyPath) -> None:
    """Names the key of a value that no study file can hold. What is nested too deeply is refused when it is written."""
    if len(path) > DEEPEST:
        return
    if isinstance(data, Mapping):
        for key, value in data.items():
            _check_plain(value, (*path, str(key)))
    elif isinstance(data, list | tuple):
        for index, value in enumerate(data):
            _check_plain(value, (*path, index))
    elif type(data) not in (str, int, float, bool, NoneType):  # a subclass, as NumPy has, is another type in YAML
        raise SpecError(
            "must be text, a number, a list or a mapping",
            got=f"is of type {type(data).__name__}",
            remedy="convert it, by str(), float() or list() for example",
            about=f"study: {key_text(path)}",
        )


def _checked(document: Document, folder: Path, may_be_elsewhere: Collection[KeyPath] = ()) -> StudySpec:
    document = with_absolute_paths(document, folder)
    study = with_default_space(_validated(document))
    if problems := check_study(study, may_be_elsewhere):
        raise spec_error(problems, document)
    return study


def parse_study(text: str, source: str) -> StudySpec:
    """Returns the study of a stored ``study.yaml``. The files, models and methods that it names may be gone.

    Args:
        text: the YAML.
        source: the file, to begin error messages with.

    Raises:
        SpecError: the text breaks a rule; see ``load_study``.
    """
    return _validated(parse_document(text, source), stored=True)


def _validated(document: Document, stored: bool = False) -> StudySpec:
    """Returns the study with each key checked by itself. Methods of a stored study, which has run, are not checked."""
    data: dict[str, Any] = dict(document.data)
    problems: list[Problem] = []
    if isinstance(entries := data.get("methods"), list) and entries:
        data["methods"], problems = method_specs(entries, checked=not stored)
        data["methods"] = data["methods"] or _STAND_IN
    try:
        study = StudySpec.model_validate(data)
    except ValidationError as error:
        raise spec_error([*problems, *explain(error, document.data)], document) from None
    if problems:
        raise spec_error(problems, document)
    return study


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        got, remedy = "no such file exists", _remedy_for_absent(path)
    except IsADirectoryError:
        got, remedy = "it is a folder", "name the YAML file in it"
    except UnicodeDecodeError as error:
        got, remedy = f"byte {error.start} is not UTF-8", "save it as UTF-8 text"
    except ValueError:
        got, remedy = "it is not a path", "mend it"
    except OSError as error:
        got, remedy = f"it cannot be read ({error.strerror})", "mend the path or its permissions"
    raise SpecError("must be a study file", got=got, remedy=remedy, about=str(path))


def _remedy_for_absent(path: Path) -> str:
    shipped = shipped_studies()
    otherwise = f"mend the path, or name a shipped study: {comma_list(shipped)}"
    return file_suggestion(path.name, [*shipped, *map(str, path.parent.glob("*.y*ml"))], otherwise)
