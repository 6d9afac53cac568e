"""The imbalance settings of one trial: the study's, with what the search proposed put in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zostudy.spec.space import IMBALANCE_SETTINGS
from zostudy.spec.study import StudySpec

if TYPE_CHECKING:
    from zostudy.methods import ImbalanceSettings, MethodOptions

PREFIX = "imbalance."


def imbalance_settings(spec: StudySpec, params: Mapping[str, Any], options: MethodOptions) -> ImbalanceSettings:
    """Returns sampler, prior, margin and class weights, the sampler resolved.

    The sampler ``auto`` is natural, but stratified for the AUC objective, which needs every class in a batch.

    Args:
        spec: the study.
        params: searched values by name; those of the imbalance are ``imbalance.<setting>``.
        options: the method's options.
    """
    from zostudy.methods import ImbalanceSettings

    settings = {name: getattr(spec.imbalance, name) for name in IMBALANCE_SETTINGS}
    settings |= {key.removeprefix(PREFIX): value for key, value in params.items() if key.startswith(PREFIX)}
    if settings["sampler"] == "auto":
        settings["sampler"] = "stratified" if getattr(options, "objective", None) == "auc" else "natural"
    return ImbalanceSettings(**settings)
