"""The entries of ``methods``: a method's name, or a label with options and perhaps the method's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from zostudy.config.options import check_options
from zostudy.config.problems import Problem
from zostudy.config.study import MethodSpec
from zostudy.document import KeyPath
from zostudy.methods import method_names
from zostudy.study_keys import PREFIX, SECTION, imbalance_among
from zostudy.wording import suggestion

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}")
_FORMS = "write zosa, or {zosa: {sharpness_radius: 0.1}}, or {zosa-focal: {method: zosa, objective: focal}}"


def method_specs(entries: list[Any], checked: bool = True) -> tuple[tuple[MethodSpec, ...], list[Problem]]:
    """Returns the valid entries, and the problems of the others.

    An entry is a method's name; or ``{name: {option: value}}``; or, to enter a method several times,
    ``{label: {method: name, option: value}}``. Labels are unique: they name the cells.

    Args:
        entries: as a study file has them.
        checked: whether each method must be installed here and take its options.
    """
    specs: list[MethodSpec] = []
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        found = _spec(entry, ("methods", index))
        if isinstance(found, Problem):
            problems.append(found)
            continue
        if not checked:
            specs.append(found)
            continue
        path: KeyPath = ("methods", index, found.label)
        wrong = list(_label_problems(found, path, [spec.label for spec in specs]))
        if not wrong:
            found, wrong = check_options(found, path)
        specs.append(found)
        problems.extend(wrong)
    return tuple(specs), problems


def _spec(entry: Any, path: KeyPath) -> MethodSpec | Problem:
    if isinstance(entry, str):
        return MethodSpec(label=entry, algorithm=entry)
    if not isinstance(entry, dict) or len(entry) != 1:
        indented = isinstance(entry, dict) and len(entry) > 1
        remedy = "indent the options below the label" if indented else _FORMS
        return Problem(path, "must be a method's name or one label with its options", entry, remedy)
    label, options = next(iter(entry.items()))
    if not isinstance(options, dict | None):
        return Problem((*path, label), "must be options with values", options, _FORMS)
    options = dict(options or {})
    method = options.pop("method", label)
    if not isinstance(method, str):
        return Problem((*path, label, "method"), "must be a method's name", method, _FORMS)
    imbalance = imbalance_among(options)
    own = {key: value for key, value in options.items() if not str(key).startswith(PREFIX)}
    return MethodSpec(label=label, algorithm=method, options=own, imbalance=imbalance)


def _label_problems(spec: MethodSpec, path: KeyPath, labels: list[str]) -> Iterator[Problem]:
    if spec.label in labels:
        other = f"{spec.algorithm}-2: {{method: {spec.algorithm}, ...}}"
        yield Problem(path, "labels must differ", spec.label, f"give this one a label of its own, {other}")
    elif spec.algorithm not in method_names():
        key = path if spec.algorithm == spec.label else (*path, "method")
        yield Problem(key, "must be a known method", spec.algorithm, _known_methods(spec))
    elif spec.label == SECTION or not _LABEL.fullmatch(spec.label):
        rule = f"a label must be up to 50 letters, digits, - and _, and not {SECTION}"
        yield Problem(path, rule, spec.label, "choose another label")
    elif spec.label != spec.algorithm and spec.label in method_names():
        rule = f"a label must not be the name of another method than its own, {spec.algorithm}"
        yield Problem(path, rule, spec.label, f"choose another label, such as {spec.algorithm}-2")


def _known_methods(spec: MethodSpec) -> str:
    names = method_names()
    how = "name one as the label or under method." if spec.options else "name one."
    return f"{suggestion(spec.algorithm, names, how)} The methods are {', '.join(names)}"
