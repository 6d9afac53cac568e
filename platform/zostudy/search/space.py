"""The space that a cell is searched over: the study's keys that apply to its method, as Optuna distributions."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_type_hints

from zostudy.config.distributions import Choice, Range, SearchSpace
from zostudy.config.options import imbalance_settings
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.methods import MethodOptions
from zostudy.study_keys import WORDING, imbalance_keys

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distributions(space: SearchSpace, options: type[MethodOptions]) -> dict[str, BaseDistribution]:
    """Returns one Optuna distribution a key, in the order of the study file."""
    types = get_type_hints(options)
    return {key: as_optuna(values, types.get(key) is int) for key, values in space.items()}


def as_optuna(values: Choice | Range, is_whole: bool) -> BaseDistribution:
    """Returns a choice or range as Optuna's distribution; a range of whole numbers where the option is one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, Choice):
        return CategoricalDistribution(values.choice)
    if is_whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def defaults_inside(space: SearchSpace, method: MethodSpec, spec: StudySpec) -> dict[str, Any]:
    """Returns the default of each key whose space contains it. The search tries these values first."""
    options = method.method_class.Options(**method.options)
    known = (
        asdict(options)
        | imbalance_keys(asdict(imbalance_settings(spec.imbalance, method, {})))
        | {WORDING: spec.task.wording}
    )
    return {key: known[key] for key, values in space.items() if values.contains(known[key])}
