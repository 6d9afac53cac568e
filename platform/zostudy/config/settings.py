"""A trial's settings: those of the imbalance, and the defaults of its method's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from zostudy.config.options import options_class
from zostudy.config.space import IMBALANCE_SETTINGS
from zostudy.config.study import StudySpec
from zostudy.errors import SpecError
from zostudy.methods import ImbalanceSettings

PREFIX = "imbalance."


def imbalance_settings(spec: StudySpec, params: Mapping[str, Any]) -> ImbalanceSettings:
    """Returns sampler, prior, margin and class weights, the sampler resolved.

    The sampler ``auto`` is stratified: on natural batches the decisions follow the majority.

    Args:
        spec: the study.
        params: searched values by name; those of the imbalance are ``imbalance.<setting>``.
    """
    settings = {name: getattr(spec.imbalance, name) for name in IMBALANCE_SETTINGS}
    settings |= {key.removeprefix(PREFIX): value for key, value in params.items() if key.startswith(PREFIX)}
    if settings["sampler"] == "auto":
        settings["sampler"] = "stratified"
    return ImbalanceSettings(**settings)


def default_settings(method: str) -> dict[str, Any]:
    """Returns the defaults of a method's options and of the imbalance settings, named as in a trial's ``params``.

    Empty where the method cannot be loaded, for example because its package is not installed.
    """
    try:
        options = options_class(method)
    except (SpecError, ImportError, AttributeError):
        return {}
    settings = {PREFIX + field.name: field.default for field in fields(ImbalanceSettings)}
    known = settings | {field.name: field.default for field in fields(options)}
    return {name: value for name, value in known.items() if value is not MISSING}
