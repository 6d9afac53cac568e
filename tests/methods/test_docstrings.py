"""What the docstring of every tuned method tells: its cost in queries, and whose its settings are."""

from __future__ import annotations

import re
from dataclasses import fields
from inspect import cleandoc

import pytest

from zostudy.methods import MethodOptions, get_method, method_names, unused_options
from zostudy.methods.options import ObjectiveOptions

TUNED = {name: get_method(name) for name in method_names() if get_method(name).spends_queries}


def paragraph(name: str, heading: str) -> str:
    """Returns the paragraph of a method's docstring that begins with the heading, in one line."""
    paragraphs = cleandoc(TUNED[name].__doc__ or "").split("\n\n")
    [found] = [each for each in paragraphs if each.startswith(f"{heading}: ")]
    return " ".join(found.split())


def taken_over(name: str) -> list[str]:
    """Returns the methods whose options this one has beside its own, without those that have them from one of these."""
    own = TUNED[name].Options
    parents = {each: kind.Options for each, kind in TUNED.items() if kind.Options in own.__mro__[1:]}
    return [each for each, kind in parents.items() if not any(kind in other.__mro__[1:] for other in parents.values())]


def own_options(name: str) -> set[str]:
    """Returns the options with an effect by default that come from no other method and are none of the objective's."""
    own: type[MethodOptions] = TUNED[name].Options
    elsewhere = {ObjectiveOptions, *ObjectiveOptions.__mro__}
    for parent in taken_over(name):
        elsewhere |= {*TUNED[parent].Options.__mro__}
    written = {option for kind in own.__mro__ if kind not in elsewhere for option in vars(kind)["__annotations__"]}
    return {field.name for field in fields(own)} & written - unused_options(own, {}).keys()


@pytest.mark.parametrize("name", TUNED)
def test_the_cost_is_named_in_queries_a_step(name: str) -> None:
    cost = paragraph(name, "Cost")
    assert "quer" in cost
    assert "a step" in cost or any(f"``{parent}``" in cost for parent in taken_over(name))


@pytest.mark.parametrize("name", TUNED)
def test_every_setting_is_said_to_be_ours_or_a_papers(name: str) -> None:
    settings = paragraph(name, "Settings")
    assert re.search(r"\bours\b", settings, re.IGNORECASE)
    assert [option for option in sorted(own_options(name)) if not re.search(rf"\b{option}\b", settings)] == []
    assert [parent for parent in taken_over(name) if f"``{parent}``" not in settings] == []


@pytest.mark.parametrize("name", TUNED)
def test_the_numbers_are_the_defaults(name: str) -> None:
    named = re.findall(r"``(\w+)`` (\d+(?:\.\d+)?)", paragraph(name, "Settings"))
    assert {option: float(number) for option, number in named} == {
        option: getattr(TUNED[name].Options(), option) for option, _ in named
    }


def test_the_settings_of_a_method_are_its_own_and_those_of_the_methods_that_it_builds_on() -> None:
    assert own_options("bpt-fzg-sam") == {"queries_per_step", "sharpness_radius"}
    assert own_options("white-box") == {"learning_rate"}
    assert {"perturbation_radius", "direction", "step_rule", "reach"} < own_options("fzoo")
    assert taken_over("zosa-auc") == ["zosa"]
    assert taken_over("cma-es-spsa") == ["cma-es", "spsa"]
