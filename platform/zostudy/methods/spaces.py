"""Default search spaces, for studies that name no ``search.space``.

An option declares its own, beside its documentation: ``Annotated[float, Gt(0), Doc("..."), LogRange(0.3, 30)]``. An
option that declares none keeps its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from zostudy.methods.base import Method
from zostudy.methods.option_notes import LogRange, OneOf, describe_options, unused_options
from zostudy.methods.options import ImbalanceSettings, MethodOptions, ObjectiveOptions
from zostudy.study_keys import imbalance_keys

DefaultSpace: TypeAlias = dict[str, LogRange | OneOf]


def default_space(method: type[Method], fixed: Mapping[str, Any]) -> DefaultSpace:
    """Returns a method's default search space, by option or ``imbalance.SETTING``; empty if it has none.

    Args:
        method: a registered method.
        fixed: the options and ``imbalance.SETTING`` that a study fixes, with their values. They are not searched.
    """
    if not method.spends_queries:
        return {}
    unused = unused_options(method.Options, {name: value for name, value in fixed.items() if "." not in name})
    declared = _declared(method.Options)
    if issubclass(method.Options, ObjectiveOptions):  # which draws batches
        declared |= imbalance_keys(_declared(ImbalanceSettings))
    return {name: space for name, space in declared.items() if name not in fixed and name not in unused}


def _declared(options: type[MethodOptions | ImbalanceSettings]) -> DefaultSpace:
    return {option.name: option.space for option in describe_options(options) if option.space is not None}
