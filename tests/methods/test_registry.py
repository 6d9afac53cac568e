"""Methods are found by name, also those of other packages, and importing them is light."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from zostudy.errors import SpecError
from zostudy.methods import (
    Context,
    Method,
    MethodOptions,
    OptionDescription,
    describe_options,
    get_method,
    method_names,
    register_method,
    registered_here,
    registry,
)
from zostudy.methods.untuned import Untuned

BUILT_IN = [
    *("bpt-fzg", "bpt-fzg-sam", "cma-es", "cma-es-spsa", "fzoo", "linear-probe", "mezo-momentum", "no-prompt"),
    *("r-adazo", "random-search", "sabo", "spsa", "untuned", "white-box", "zo-adamm", "zosa", "zosa-auc"),
]


@dataclass(frozen=True, kw_only=True)
class ElsewhereOptions(MethodOptions):
    """Options without a word about them."""

    patience: int = 3


class Elsewhere(Untuned):
    """A method of another package."""

    Options = ElsewhereOptions


def install(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    installed = [EntryPoint(name, value, registry.ENTRY_POINT_GROUP) for name, value in points.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: installed)
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))
    monkeypatch.setitem(sys.modules, "another_package", sys.modules[__name__])


def test_every_built_in_method_is_known_by_its_name() -> None:
    assert set(BUILT_IN) <= set(method_names())
    assert [get_method(name).name for name in BUILT_IN] == BUILT_IN


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(SpecError, match=r"bpt-fzg, bpt-fzg-sam, cma-es.*zosa.*, but got 'sgd'; choose"):
        get_method("sgd")


def test_a_method_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, elsewhere="another_package:Elsewhere")
    assert "elsewhere" in method_names()
    assert get_method("elsewhere") is Elsewhere
    assert get_method("elsewhere").name == "elsewhere"
    assert get_method("untuned") is Untuned
    assert Untuned.name == "untuned"
    described = describe_options(get_method("elsewhere").Options)
    assert described[-1] == OptionDescription(name="patience", type="int", default=3, doc="")


@pytest.mark.parametrize("value", ["another_package:BUILT_IN", "another_package:install"])
def test_an_entry_point_that_is_no_method_is_refused(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    install(monkeypatch, wrong=value)
    with pytest.raises(SpecError, match=f"wrong = {value} does not"):
        get_method("wrong")


def test_a_built_in_name_cannot_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, zosa="another_package:Elsewhere")
    assert get_method("zosa").__module__ == "zostudy.methods.zosa"
    assert method_names().count("zosa") == 1


def test_an_entry_point_that_cannot_be_imported_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lost="no_such_package:Method")
    with pytest.raises(SpecError, match=r"lost = no_such_package:Method cannot \(ModuleNotFoundError: .*; mend or"):
        get_method("lost")


class Undecorated(MethodOptions):
    """Its field is no option, as the class is not decorated."""

    patience: int = 3


def test_only_a_method_with_options_can_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(SpecError, match="a method's name must be text, but got 3"):
        register_method(3)(Untuned)  # type: ignore[arg-type]
    for wrong in (len, Context, Method):
        with pytest.raises(SpecError, match=r"method 'mine': must be a subclass of zostudy\.Method with a step"):
            register_method("mine")(wrong)  # type: ignore[type-var]
    for options in ({"patience": 3}, int, Undecorated):
        with pytest.raises(SpecError, match="method 'mine': its Options must be a frozen dataclass that inherits"):
            register_method("mine")(type("Mine", (Untuned,), {"Options": options, "__module__": "mine"}))
    assert "mine" not in method_names()


def test_what_a_method_needs_is_one_of_the_answers_of_a_model() -> None:
    with pytest.raises(
        SpecError, match="method 'mine': its needs must be one of scores, states, gradients, but got 'logits'"
    ):
        register_method("mine")(type("Mine", (Untuned,), {"needs": "logits", "__module__": "mine"}))
    assert "mine" not in method_names()


def test_a_name_may_be_registered_again_but_not_one_of_zostudy(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    first, second = (type("Mine", (Untuned,), {"__module__": "mine"}) for _ in range(2))
    for kind in (first, second):
        register_method("mine")(kind)
        assert get_method("mine") is kind
    with pytest.raises(SpecError, match="method 'zosa': must not have the name of a method of zostudy; choose another"):
        register_method("zosa")(first)
    assert get_method("zosa").__module__ == "zostudy.methods.zosa"


def test_the_class_of_a_notebook_that_takes_the_name_of_a_package_is_sent_to_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, elsewhere="another_package:Elsewhere")
    mine = type("Mine", (Untuned,), {"__module__": "__main__"})
    register_method("elsewhere")(mine)
    assert registered_here()["elsewhere"] is mine


def test_importing_methods_loads_nothing_heavy() -> None:
    heavy = ["cmaes", "scipy", "sklearn", "torch", "transformers", "ray", "pandas", "pydantic", "optuna"]
    code = f"import sys, zostudy.methods; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert done.stdout.strip() == "[]"


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
