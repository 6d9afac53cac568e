"""A trial's settings: those of the imbalance, and the defaults of its method's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from zostudy.config.imbalance_keys import SETTINGS, with_prefix, without_prefix
from zostudy.config.options import options_class
from zostudy.config.study import ImbalanceSpec, MethodSpec
from zostudy.errors import SpecError
from zostudy.methods import ImbalanceSettings


def imbalance_settings(imbalance: ImbalanceSpec, method: MethodSpec, params: Mapping[str, Any]) -> ImbalanceSettings:
    """Returns sampler, prior, margin and class weights.

    The entry's own settings replace the study's, and searched ones replace both.
    The sampler ``auto`` is stratified: on natural batches the decisions follow the majority.

    Args:
        imbalance: of the study.
        method: its entry of ``methods``.
        params: searched values by name; those of the imbalance are ``imbalance.<setting>``.
    """
    settings = {name: getattr(imbalance, name) for name in SETTINGS} | method.imbalance | without_prefix(params)
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
    settings = with_prefix({field.name: field.default for field in fields(ImbalanceSettings)})
    known = settings | {field.name: field.default for field in fields(options)}
    return {name: value for name, value in known.items() if value is not MISSING}
