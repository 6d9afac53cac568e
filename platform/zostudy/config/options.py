"""The options of methods and the settings of the imbalance: checked against what declares them, and their defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from zostudy.config.entry_schema import KEYS, SETTINGS
from zostudy.config.explain import rule_text, value_remedy
from zostudy.config.imbalance import ImbalanceSpec
from zostudy.config.problems import Problem
from zostudy.config.study import MethodSpec
from zostudy.document import KeyPath
from zostudy.errors import SpecError
from zostudy.methods import ImbalanceSettings, get_method
from zostudy.study_keys import PREFIX, imbalance_among, imbalance_keys
from zostudy.wording import suggestion


def option_names(owner: type[Any]) -> list[str]:
    """Returns the options that a dataclass or section declares."""
    if issubclass(owner, BaseModel):
        return list(owner.model_fields)
    return [field.name for field in dataclasses.fields(owner)]


def check_option(owner: type, name: str, value: Any, path: KeyPath) -> tuple[Any, list[Problem]]:
    """Returns an option's value (whole numbers as float where the option is one) and its problems."""
    try:
        return _adapter(owner, name).validate_python(value, strict=True), []
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        remedy = value_remedy(details, f"{name}: {_default(owner, name)}")
        return value, [Problem(path, rule_text(details), value, remedy)]


def check_options(spec: MethodSpec, path: KeyPath) -> tuple[MethodSpec, list[Problem]]:
    """Returns a method's entry with its options as the method takes them, and their problems."""
    owner = spec.method_class.Options
    known = option_names(owner)
    values: dict[str, Any] = {}
    problems = list(_imbalance_problems(spec, path))
    for name, value in spec.options.items():
        option_path = (*path, name)
        if name not in known:
            remedy = suggestion(name, known, f"its options are {', '.join(known)}")
            problems.append(Problem(option_path, f"must be an option of {spec.algorithm}", name, remedy))
            continue
        values[name], wrong = check_option(owner, name, value, option_path)
        problems.extend(wrong)
    return spec.model_copy(update={"options": values}), problems or _together(owner, values, path)


def _imbalance_problems(spec: MethodSpec, path: KeyPath) -> Iterator[Problem]:
    """An entry may set imbalance settings for itself alone if its method draws batches."""
    for setting, value in spec.imbalance.items():
        key = PREFIX + setting
        if setting not in SETTINGS:
            rule = "must be a setting that one method may set for itself"
            yield Problem((*path, key), rule, key, suggestion(key, KEYS, f"these are {', '.join(KEYS)}"))
        elif not spec.tunes:
            rule = f"must not be given for {spec.algorithm}, which draws no batches"
            yield Problem((*path, key), rule, value, "leave it out")
        else:
            yield from check_option(ImbalanceSpec, setting, value, (*path, key))[1]


def _together(owner: type[Any], values: dict[str, Any], path: KeyPath) -> list[Problem]:
    """Returns the problems that the dataclass itself finds between options that are each right by themselves."""
    try:
        owner(**values)
    except SpecError as error:
        return [Problem(path, error=error)]
    except ValueError as error:
        return [Problem(path, error=SpecError(str(error)))]
    except Exception as error:  # a plug-in's dataclass may raise anything
        got = f"{owner.__name__} raises {error!r}"
        return [Problem(path, error=SpecError("options must fit together", got=got, remedy="change them"))]
    return []


def imbalance_settings(imbalance: ImbalanceSpec, method: MethodSpec, params: Mapping[str, Any]) -> ImbalanceSettings:
    """Returns sampler, prior, margin and class weights.

    The entry's own settings replace the study's, and searched ones replace both.
    The sampler ``auto`` is stratified: on natural batches the decisions follow the majority.

    Args:
        imbalance: of the study.
        method: its entry of ``methods``.
        params: searched values by name; those of the imbalance are ``imbalance.<setting>``.
    """
    settings = {name: getattr(imbalance, name) for name in SETTINGS} | method.imbalance | imbalance_among(params)
    if settings["sampler"] == "auto":
        settings["sampler"] = "stratified"
    return ImbalanceSettings(**settings)


def default_settings(method: str) -> dict[str, Any]:
    """Returns the defaults of a method's options and of the imbalance settings, named as in a trial's ``params``.

    Empty where the method cannot be loaded, for example because its package is not installed.
    """
    try:
        options = get_method(method).Options
    except (SpecError, ImportError, AttributeError):
        return {}
    settings = imbalance_keys({field.name: field.default for field in dataclasses.fields(ImbalanceSettings)})
    known = settings | {field.name: field.default for field in dataclasses.fields(options)}
    return {name: value for name, value in known.items() if value is not dataclasses.MISSING}


@cache
def _adapter(owner: type, name: str) -> TypeAdapter[Any]:
    return TypeAdapter(get_type_hints(owner, include_extras=True)[name])


def _default(owner: type[Any], name: str) -> Any:
    if issubclass(owner, BaseModel):
        return owner.model_fields[name].default
    return next(field.default for field in dataclasses.fields(owner) if field.name == name)
