"""Compares two studies: what the later one adds to the earlier one, and what it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from zostudy.config.contents import same_contents
from zostudy.config.model import ModelSpec
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.config.task import TaskSpec
from zostudy.study_keys import options_by_label
from zostudy.wording import shown

# The landscape only adds rows that describe a confirm trial's final point.
CHANGES_NO_RESULT = ("replicas", "resources.memory", "confirm.landscape", "confirm.scores")
_SPACE = "search.space."
_ANY_METHOD = MethodSpec(label="any", algorithm="any")

# Keys that may grow: stored trials keep their names, seeds and numbers.
_EXTENDS: dict[str, Callable[[Any, Any], bool]] = {
    "search.trials": lambda old, new: new > old,
    "search.seeds": lambda old, new: new > old,
    "confirm.seeds": lambda old, new: new > old,
    "imbalance.ratios": lambda old, new: set(new) >= set(old),
}


@dataclass(frozen=True)
class StudyChanges:
    """The differences of a study from an earlier one, a line each, such as ``search.trials: 6 -> 12``.

    Attributes:
        additions: more trials, seeds, ratios or methods, or the space of a first search; stored trials stay as they
            are.
        contradictions: anything else.
    """

    additions: tuple[str, ...]
    contradictions: tuple[str, ...]


def study_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> StudyChanges:
    """Returns how two resolved studies differ.

    Methods are compared by label. Keys that change no result, such as the number of replicas, are not compared. A file
    or folder that was uploaded with a job is compared by contents, not by path.
    """
    before, after = _leaves(old), _leaves(new)
    # An older study lacks newer keys: their defaults keep its behaviour.
    before = {key: value for key, value in _defaults().items() if key in after} | before
    additions: list[str] = []
    contradictions: list[str] = []
    for key in {**before, **after}:
        if key in CHANGES_NO_RESULT or before.get(key) == after.get(key):
            continue
        if same_contents(before.get(key), after.get(key)):
            continue
        line = f"{key}: {shown(before.get(key))} -> {shown(after.get(key))}"
        (additions if _extends(key, before, after) else contradictions).append(line)
    return StudyChanges(tuple(additions), tuple(contradictions))


@cache
def _defaults() -> dict[str, Any]:
    least = StudySpec(name="any", model=ModelSpec(name="any"), task=TaskSpec(), methods=(_ANY_METHOD,))
    needed = ("name", "model.name", f"methods.{_ANY_METHOD.label}")
    return {key: value for key, value in _leaves(least.resolved()).items() if key not in needed}


def _extends(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if key.startswith("methods."):
        return key not in before
    if key.startswith(_SPACE):
        nothing_searched, method = before.get("search.trials") == 0, _label_of(key)
        return nothing_searched or (method in after and method not in before)
    return key in _EXTENDS and key in before and key in after and _EXTENDS[key](before[key], after[key])


def _label_of(space_key: str) -> str:
    """Returns the key of the method that a key such as ``search.space.zosa.learning_rate.low`` is of."""
    return f"methods.{space_key.removeprefix(_SPACE).split('.')[0]}"


def _leaves(study: Mapping[str, Any]) -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in study.items():
        if key == "methods":
            leaves |= {f"{key}.{label}": options for label, options in options_by_label(value).items()}
        elif isinstance(value, Mapping):
            leaves |= {f"{key}.{rest}": leaf for rest, leaf in _leaves(value).items()}
        else:
            leaves[key] = value
    return leaves
