from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args

import numpy as np
import pytest

from zostudy.export.card import USED_BY, settings_in_use
from zostudy.methods.context import Context
from zostudy.methods.objectives import make_objective
from zostudy.methods.options import ImbalanceSettings, MethodOptions, ObjectiveName, ObjectiveOptions

CHANGED: dict[str, Any] = {
    "focal_gamma": 3.0,
    "hinge_margin": 3.0,
    "logit_adjustment": 2.0,
    "ldam_margin": 3.0,
    "auc_version": "v1",
    "alpha_projection": "none",
    "auxiliary_learning_rate": 0.5,
    "auxiliary_start": "zero",
    "imbalance.prior": "batch",
    "imbalance.margin": 2.0,
    "imbalance.class_weights": "balanced",
}


def made(objective: str, **changed: Any) -> str:
    """Returns all that an objective holds, with some options changed."""
    imbalance = {name.removeprefix("imbalance."): value for name, value in changed.items() if "." in name}
    own = {name: value for name, value in changed.items() if "." not in name}
    labels = np.array([0, 1], dtype=np.int32)
    context = Context(0, labels, labels, 2, (1,), 2, 100, replace(ImbalanceSettings(), **imbalance))
    options = ObjectiveOptions(objective=objective, **own)  # type: ignore[arg-type]
    return repr(vars(make_objective(options, context, np.array([0.75, 0.25]))))


@pytest.mark.parametrize("objective", get_args(get_args(ObjectiveName)[0]))
def test_an_option_counts_as_used_where_it_changes_the_objective(objective: str) -> None:
    used = {name for name, value in CHANGED.items() if made(objective, **{name: value}) != made(objective)}
    assert used == set(settings_in_use(CHANGED, objective))


def test_every_option_of_an_objective_is_known() -> None:
    of_objectives = {one.name for one in fields(ObjectiveOptions)} - {one.name for one in fields(MethodOptions)}
    known = of_objectives - {"objective"} | {f"imbalance.{one.name}" for one in fields(ImbalanceSettings)}
    assert known - {"imbalance.sampler"} == set(USED_BY) == set(CHANGED)


def test_what_is_not_set_is_left_out_and_the_rest_stays() -> None:
    params = {"subspace_dim": 10, "sharpness_radius": None, "imbalance.sampler": "natural", "imbalance.margin": 1.0}
    assert settings_in_use(params, None) == {"subspace_dim": 10, "imbalance.sampler": "natural"}
    rates = {"reach": 3.0, "learning_rate": 0.5}
    for rule, used in (("plain", "learning_rate"), ("dog", "reach"), ("spread", "reach")):
        assert settings_in_use(rates | {"step_rule": rule}, None) == {"step_rule": rule, used: rates[used]}
    adaptive = {"step_rule": "amsgrad", "reach": 3.0, "mean_decay": 0.9, "square_decay": 0.99, "bias_correction": True}
    assert settings_in_use(adaptive | {"learning_rate": 0.5}, None) == adaptive
    assert settings_in_use(adaptive | {"step_rule": "dog"}, None) == {"step_rule": "dog", "reach": 3.0}
    assert settings_in_use({"learning_rate": 0.5}, None) == {"learning_rate": 0.5}
    assert settings_in_use(params, "auc") == {key: params[key] for key in params if key != "sharpness_radius"}
