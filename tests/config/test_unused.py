"""Options that do not count beside the others: they are refused where they are set, and never searched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from zostudy.config.loading import load_study
from zostudy.config.space import method_space
from zostudy.errors import SpecError
from zostudy.methods import MethodOptions, UsedWith, unused_options
from zostudy.yaml_text import dump_yaml

LOG = {"low": 0.3, "high": 10.0, "log": True}


@dataclass(frozen=True, kw_only=True)
class SomeOptions(MethodOptions):
    kind: str = "short"
    length: Annotated[float, UsedWith("kind", ("long", "longest"))] = 1.0


@pytest.mark.parametrize(
    ("values", "open_options", "unused"),
    [
        ({}, [], ["length"]),
        ({"length": 2.0}, [], ["length"]),
        ({"kind": "long"}, [], []),
        ({"kind": "longest", "length": 2.0}, [], []),
        ({}, ["kind"], []),
    ],
)
def test_an_option_counts_by_the_value_or_the_default_of_another(
    values: dict[str, Any], open_options: list[str], unused: list[str]
) -> None:
    found = unused_options(SomeOptions, values, open_options)
    assert list(found) == unused
    assert all(str(needs) == "kind: long or longest" for needs in found.values())


def as_text(sections: dict[str, Any]) -> dict[str, str]:
    return {name: dump_yaml({name: section}) for name, section in sections.items()}


def search(**space: Any) -> dict[str, Any]:
    return {"trials": 2, "space": space}


@pytest.mark.parametrize(
    ("sections", "key", "rule", "remedy"),
    [
        (
            {"methods": [{"spsa": {"learning_rate": 0.5}}]},
            "methods.spsa.learning_rate",
            "has an effect only with step_rule: plain",
            "set that beside it, or leave learning_rate out",
        ),
        (
            {"methods": [{"zosa": {"step_rule": "plain", "reach": 1.0}}]},
            "methods.zosa.reach",
            "has an effect only with step_rule: adagrad-norm or dog or amsgrad or r-adazo or spread",
            "set that beside it, or leave reach out",
        ),
        (
            {"methods": ["spsa"], "search": search(learning_rate=LOG)},
            "search.space.learning_rate",
            "must be an option that a method of this study has and leaves open",
            "it has an effect only with step_rule: plain; set that for spsa, or leave this out",
        ),
    ],
)
def test_an_option_without_effect_is_refused(
    write_study: Callable[..., str], sections: dict[str, Any], key: str, rule: str, remedy: str
) -> None:
    with pytest.raises(SpecError) as refused:
        load_study(write_study(**as_text(sections)))
    error = refused.value
    assert error.about.endswith(f": {key}")
    assert error.rule.startswith(rule)
    assert error.remedy == remedy


def test_a_key_of_the_search_goes_to_the_methods_where_it_counts(write_study: Callable[..., str]) -> None:
    methods = ["spsa", "cma-es", {"plain": {"method": "zosa", "step_rule": "plain"}}, {"either": {"method": "fzoo"}}]
    rules = {"either.step_rule": {"choice": ["plain", "spread"]}}
    sections = {"methods": methods, "search": search(reach=LOG, learning_rate=LOG, **rules)}
    study = load_study(write_study(**as_text(sections)))
    spaces = {method.label: set(method_space(study, method)) for method in study.methods}
    assert spaces == {
        "spsa": {"reach"},
        "cma-es": {"reach"},
        "plain": {"learning_rate"},
        "either": {"reach", "learning_rate", "step_rule"},
    }
