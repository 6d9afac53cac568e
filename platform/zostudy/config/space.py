"""The search space of each method, and a check that the method accepts every value in it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import Any

from zostudy.config.distributions import Choice, Distribution, Range, SearchSpace
from zostudy.config.entry_schema import KEYS, SETTINGS
from zostudy.config.imbalance import ImbalanceSpec
from zostudy.config.options import check_option, option_names
from zostudy.config.problems import Problem
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.document import KeyPath
from zostudy.methods import LogRange, OneOf, UsedWith, default_space, unused_options
from zostudy.study_keys import PREFIX, SECTION, WORDING, searched_keys
from zostudy.wording import suggestion


def with_default_space(study: StudySpec) -> StudySpec:
    """Returns the study with a search space: where it has search trials and names no option, each method's default one.

    Wordings are not options: a study that searches only them also searches the default spaces. The keys of default
    spaces are ``label.option``, so that a method that is added later leaves those of the others as they are. Whatever
    the study fixes is not searched: options, an ``imbalance.sampler`` other than auto, and d where ``model.subspace``
    is none.
    """
    if not study.search.trials or study.search.space.keys() - {WORDING}:
        return study
    fixed = {"imbalance.sampler": study.imbalance.sampler} if study.imbalance.sampler != "auto" else {}
    space = dict(study.search.space)
    for method in study.methods:
        for key, values in default_space(method.method_class, {**fixed, **method.fixed}).items():
            if key != "subspace_dim" or study.model.subspace == "random":
                space[key if key.startswith(PREFIX) else f"{method.label}.{key}"] = _distribution(values)
    return study.model_copy(update={"search": study.search.model_copy(update={"space": space})})


def _distribution(values: LogRange | OneOf) -> Distribution:
    if isinstance(values, OneOf):
        return Choice(choice=values.values)
    return Range(low=values.low, high=values.high, log=True)


def method_space(study: StudySpec, method: MethodSpec) -> dict[str, Distribution]:
    """Returns the search space of one entry of ``methods``, in the order of the study file.

    An option is not searched there if the entry fixes it, or if it has no effect beside the options that the entry
    fixes.
    """
    options = set(option_names(method.method_class.Options)) - unused(study, method).keys()
    free = options.union(KEYS) - method.fixed.keys()
    return own_space(study.search.space, method.label, free)


def unused(study: StudySpec, method: MethodSpec) -> dict[str, UsedWith]:
    """Returns the options of an entry that have no effect, such as ``learning_rate`` beside most step rules.

    Each comes with the other option, and its values, that would give it an effect. The study searches none of them
    there.
    """
    searched = [key.rpartition(".")[2] for key in study.search.space if key.rpartition(".")[0] in ("", method.label)]
    return unused_options(method.method_class.Options, method.options, searched)


def own_space(space: SearchSpace, label: str, free: Collection[str]) -> dict[str, Distribution]:
    """Returns the part of a study's search space that applies to one method; see ``searched_keys``."""
    return {name: space[key] for name, key in searched_keys(space, label, free).items()}


def space_problems(study: StudySpec) -> Iterator[Problem]:
    """Yields a problem for each key of ``search.space`` that names no option, and for each value that is refused.

    Wordings have rules of their own (``wording_problems``).
    """
    for key, distribution in study.search.space.items():
        if key == WORDING:
            continue
        path: KeyPath = ("search", "space", key)
        owners = _owners(study, key)
        if not owners:
            rule = "must be an option that a method of this study has and leaves open"
            yield Problem(path, rule, key, _remedy(study, key))
        for rest, value in tried_values(distribution):
            checks = (check_option(owner, key.rpartition(".")[2], value, (*path, *rest))[1] for owner in owners)
            yield from next(filter(None, checks), [])


def _owners(study: StudySpec, key: str) -> list[type]:
    """Returns the classes that declare the option of a search key, of the methods that leave it open."""
    owner, _, option = key.rpartition(".")
    if owner == SECTION:
        is_open = any(option not in method.imbalance for method in study.methods)
        return [ImbalanceSpec] if option in SETTINGS and is_open else []
    open_in = [
        method.method_class.Options
        for method in study.methods
        if owner in ("", method.label) and option not in method.options and option not in unused(study, method)
    ]
    return [each for each in dict.fromkeys(open_in) if option in option_names(each)]


def tried_values(distribution: Distribution) -> list[tuple[KeyPath, Any]]:
    """Returns the values of a choice or the ends of a range, each with the key under which it is written."""
    if isinstance(distribution, Choice):
        return [(("choice", number), value) for number, value in enumerate(distribution.choice)]
    return [(("low",), distribution.low), (("high",), distribution.high)]


def _remedy(study: StudySpec, key: str) -> str:
    owner, _, option = key.rpartition(".")
    for method in study.methods:
        if key in method.fixed or (option in method.options and owner in ("", method.label)):
            return f"search it or fix it as {method.label} does, not both"
    for method in study.methods:
        if owner in ("", method.label) and (needs := unused(study, method).get(option)):
            return f"it has an effect only with {needs}; set that for {method.label}, or leave this out"
    options = {method.label: option_names(method.method_class.Options) for method in study.methods}
    if owner in options:
        known = [f"{owner}.{name}" for name in options[owner]]
    else:
        known = [*dict.fromkeys(itertools.chain(*options.values())), *KEYS, WORDING]
    return suggestion(key, known, f"there are {', '.join(known)}")
