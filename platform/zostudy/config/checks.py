"""Rules between the keys of a study, checked once every key is right by itself."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from zostudy.config.known import BUILT_IN_MODELS, EMBEDDED_TASK, TASKS_WITH_DATA, WELL_KNOWN_TASKS
from zostudy.config.options import imbalance_settings
from zostudy.config.paths import missing_paths
from zostudy.config.problems import Problem
from zostudy.config.prompts import prompt_problems
from zostudy.config.space import method_space, space_problems, tried_values, unused
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.config.wordings import wording_problems
from zostudy.document import KeyPath
from zostudy.errors import SpecError
from zostudy.methods import Context
from zostudy.wording import suggestion


def check_study(study: StudySpec, may_be_elsewhere: Collection[KeyPath] = ()) -> list[Problem]:
    """Returns the problems between the keys of a study; each key is already right by itself.

    Args:
        study: with absolute paths.
        may_be_elsewhere: keys of files and folders that need not be on this machine.
    """
    checks = (
        *(_source_problems, _unused_source_problems, _unused_model_problems, missing_paths, prompt_problems),
        *(_length_problems, _pruning_problems, _unused_problems, wording_problems, space_problems),
    )
    found = (problem for check in checks for problem in check(study))
    problems = [problem for problem in found if problem.path not in may_be_elsewhere]
    return problems or list(_budget_problems(study))


def _source_problems(study: StudySpec) -> Iterator[Problem]:
    """The texts come from one place: a file, the hub, or a task that zostudy knows."""
    task = study.task
    if task.file is not None and task.hub is not None:
        yield Problem(("task", "hub"), "must not be given beside task.file", task.hub, "keep one of them")
    elif task.file is None and task.hub is None and task.name not in TASKS_WITH_DATA:
        rule = "must be a known task with data where neither task.file nor task.hub is given"
        remedy = f"give one of these, or a name out of {', '.join(TASKS_WITH_DATA)}"
        if task.name not in WELL_KNOWN_TASKS:
            remedy = suggestion(task.name, TASKS_WITH_DATA, remedy)
        yield Problem(("task", "name"), rule, task.name, remedy)


def _unused_source_problems(study: StudySpec) -> Iterator[Problem]:
    """A key that says how to read the texts must have an effect where they come from."""
    task = study.task
    unused_keys: tuple[str, ...]
    if task.file is not None:
        where, unused_keys = "beside task.file", ("config", "revision")
    elif task.hub is None and task.name not in TASKS_WITH_DATA:
        return
    elif task.hub is not None or task.name != EMBEDDED_TASK:
        where, unused_keys = "on a data set of the hub", ("split",)
    else:
        where = f"on the embedded task {EMBEDDED_TASK}"
        unused_keys = ("text", "second_text", "label", "config", "revision", "split", "splits")
    written = task.model_dump(exclude_defaults=True)
    for name in unused_keys:
        if name in written:
            yield Problem(("task", name), f"has no effect {where}", written[name], "leave it out")


def _unused_model_problems(study: StudySpec) -> Iterator[Problem]:
    """A revision is one of the hub's."""
    name, revision = study.model.name, study.model.revision
    if revision is not None and (name in BUILT_IN_MODELS or os.path.isabs(name)):
        rule, remedy = "has no effect on a model that is not read from the hub", "leave it out, or name a hub model"
        yield Problem(("model", "revision"), rule, revision, remedy)


def _length_problems(study: StudySpec) -> Iterator[Problem]:
    longest, prompt = study.model.max_length, study.model.prompt_tokens
    if longest is not None and longest <= prompt:
        rule = f"must leave room for text beside the {prompt} prompt tokens"
        yield Problem(("model", "max_length"), rule, longest, "raise it or lower model.prompt_tokens")


def _pruning_problems(study: StudySpec) -> Iterator[Problem]:
    if study.search.pruning != "none" and study.budget.evaluations == 1:
        rule = "must be none where dev is evaluated only at a trial's end"
        yield Problem(("search", "pruning"), rule, study.search.pruning, "raise budget.evaluations or leave it out")
    if study.search.pruning != "none" and study.search.seeds > 1:
        rule = "must be none where search.seeds is above 1, as seeds are dropped in its place"
        yield Problem(("search", "pruning"), rule, study.search.pruning, "leave it out or write seeds: 1")


def _unused_problems(study: StudySpec) -> Iterator[Problem]:
    """An option that is set must have an effect."""
    for index, method in enumerate(study.methods):
        for option, needs in unused(study, method).items():
            if option in method.options:
                path: KeyPath = ("methods", index, method.label, option)
                rule = f"has an effect only with {needs}"
                yield Problem(path, rule, method.options[option], f"set that beside it, or leave {option} out")


def _budget_problems(study: StudySpec) -> Iterator[Problem]:
    """The budget must cover one step of every method, at its own options and at each value that is searched."""
    for index, method in enumerate(study.methods):
        unaffordable = list(_step_problems(study, method, {}, ("methods", index, method.label)))
        yield from unaffordable
        if unaffordable or not study.search.trials:
            continue
        for option, distribution in method_space(study, method).items():
            key = option if option in study.search.space else f"{method.label}.{option}"
            for rest, value in tried_values(distribution):
                yield from _step_problems(study, method, {option: value}, ("search", "space", key, *rest))


def _step_problems(study: StudySpec, method: MethodSpec, tried: dict[str, Any], path: KeyPath) -> Iterator[Problem]:
    try:
        cost = _step_cost(study, method, tried)
    except SpecError as error:
        yield Problem(path, error=error)
        return
    if cost > study.budget.queries:
        given = "".join(f" with {option} = {value}" for option, value in tried.items())
        rule = f"must hold at least one step of {method.label}{given}, which is {cost} queries"
        remedy = "raise it or lower queries_per_step"
        yield Problem(("budget", "queries"), rule, study.budget.queries, remedy)


def _step_cost(study: StudySpec, method: MethodSpec, tried: dict[str, Any]) -> int:
    """Returns the queries of a step, by a method made for a small balanced task in two dimensions."""
    chosen = method.options | {key: value for key, value in tried.items() if "." not in key} | {"subspace_dim": 2}
    options = method.method_class.Options(**chosen)
    context = Context(
        seed=study.seed,
        labels=np.array([0, 1], dtype=np.int32),
        rows=np.array([0, 1], dtype=np.int32),
        n_classes=2,
        minority_classes=(1,),
        batch_size=study.budget.batch_size,
        budget=2**31,
        imbalance=imbalance_settings(study.imbalance, method, tried),
    )
    return method.method_class(options, context).step_cost
