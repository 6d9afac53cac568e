"""The space that a cell is searched over: the study's keys that apply to its method, as Optuna distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_type_hints

from zostudy.config.distributions import Choice, Range
from zostudy.config.settings import PREFIX
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.methods import ImbalanceSettings, MethodOptions, get_method

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Space = Mapping[str, Choice | Range]


def distributions(space: Space, options: type[MethodOptions]) -> dict[str, BaseDistribution]:
    """Returns one Optuna distribution a key, in the order of the study file."""
    return {key: as_optuna(values, _is_whole(key, options)) for key, values in space.items()}


def as_optuna(values: Choice | Range, is_whole: bool) -> BaseDistribution:
    """Returns a choice or range as Optuna's distribution; a range of whole numbers where the option is one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, Choice):
        return CategoricalDistribution(values.choice)
    if is_whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def holds(distribution: BaseDistribution, value: Any) -> bool:
    """Returns whether a value is one that the distribution may give."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return bool(distribution.low <= value <= distribution.high)


def defaults_inside(space: Space, method: MethodSpec, spec: StudySpec) -> dict[str, Any]:
    """Returns the default of each key whose space contains it: the start of the search."""
    defaults = {field.name: field.default for field in fields(get_method(method.algorithm).Options)}
    settings = {PREFIX + name: value for name, value in spec.imbalance if name in _setting_names()}
    known = defaults | settings
    return {key: known[key] for key, values in space.items() if values.contains(known[key])}


def _setting_names() -> set[str]:
    return {field.name for field in fields(ImbalanceSettings)}


def _is_whole(key: str, options: type[MethodOptions]) -> bool:
    if key.startswith(PREFIX):
        return False
    return get_type_hints(options)[key] is int
