from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zostudy.config.loading import load_study
from zostudy.config.overrides import override
from zostudy.document import Document, Location, parse_document
from zostudy.errors import SpecError

TEXT = """
name: s
imbalance: {ratios: [1, 10]}
methods: [climb, {hop: {method: climb, rate: 1}}]
search:
  space:
    rate: {low: 0.1, high: 1}
    imbalance.sampler: {choice: [natural]}
budget:
"""


def document() -> Document:
    return parse_document(TEXT, "f.yaml")


def value_at(data: Any, *path: str | int) -> Any:
    for step in path:
        data = data[step]
    return data


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("name=other", ("name",), "other"),
        ("name=a=b", ("name",), "a=b"),
        ("seed=7", ("seed",), 7),
        ("seed=", ("seed",), None),
        ("search.trials=2", ("search", "trials"), 2),
        ("budget.queries=1e2", ("budget", "queries"), 100.0),
        ("confirm.seeds=5", ("confirm", "seeds"), 5),
        ("imbalance.ratios=[3]", ("imbalance", "ratios"), [3]),
        ("imbalance.ratios.1=50", ("imbalance", "ratios", 1), 50),
        ("search.space.rate.low=0.2", ("search", "space", "rate", "low"), 0.2),
        ("search.space.rate={choice: [1]}", ("search", "space", "rate"), {"choice": [1]}),
        (
            "search.space.imbalance.sampler.choice=[a]",
            ("search", "space", "imbalance.sampler", "choice"),
            ["a"],
        ),
        (
            "search.space.imbalance.prior={choice: [a]}",
            ("search", "space", "imbalance.prior", "choice"),
            ["a"],
        ),
        ("search.space.imbalance.prior.choice=[a]", ("search", "space", "imbalance.prior", "choice"), ["a"]),
        ("search.space.hop.rate.log=true", ("search", "space", "hop.rate", "log"), True),
        ("search.space.shape.choice=[round]", ("search", "space", "shape", "choice"), ["round"]),
        ("methods.hop.rate=2", ("methods", 1, "hop", "rate"), 2),
        ("methods.hop={}", ("methods", 1, "hop"), {}),
        ("methods.climb.rate=2", ("methods", 0, "climb", "rate"), 2),
        ("methods.1.rate=2", ("methods", 1, "hop", "rate"), 2),
        ("methods.0=hop", ("methods", 0), "hop"),
        ("methods=[climb]", ("methods",), ["climb"]),
    ],
)
def test_a_setting_reaches_its_key_and_no_other(setting: str, path: tuple[str | int, ...], value: object) -> None:
    before = document()
    after = override(before, [setting])
    assert value_at(after.data, *path) == value
    assert after.location(path) == Location(0, f"`overrides` {setting}")
    for other, location in before.locations.items():
        if other[: len(path)] != path and other != path[: len(other)]:
            assert after.location(other) == location
    assert before == document()


def test_later_settings_win_and_build_on_earlier_ones() -> None:
    after = override(document(), ["search.space={}", "search.space.rate.low=1", "search.space.rate.low=2"])
    assert after.data["search"]["space"] == {"rate": {"low": 2}}
    assert str(after.location(("search", "space", "rate", "low"))) == "`overrides` search.space.rate.low=2"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("search.trials", "`overrides` search.trials: must be key=value; write search.trials=2, for example"),
        ("=3", "`overrides` =3: must be key=value; write search.trials=2, for example"),
        ("a..b=3", "`overrides` a..b=3: must be key=value; write search.trials=2, for example"),
        ("name.x=1", '`overrides` name.x=1: name: must be keys with values, but got "s"; set name itself'),
        (
            "methods.hopp.rate=1",
            "`overrides` methods.hopp.rate=1: methods: must be an entry out of climb, hop, but got hopp; "
            "did you mean hop?",
        ),
        (
            "imbalance.ratios.2=1",
            "`overrides` imbalance.ratios.2=1: imbalance.ratios: must be an entry out of 0 to 1, but got 2; "
            "name one of these, or set the list whole",
        ),
        (
            f"imbalance.ratios.{'9' * 5000}=1",
            f"`overrides` imbalance.ratios.{'9' * 31}...{'9' * 46}=1: imbalance.ratios: must be an entry out of "
            f"0 to 1, but got {'9' * 48}...{'9' * 48}; name one of these, or set the list whole",
        ),
        (
            "seed=[1",
            "`overrides` seed=[1: must be valid YAML, and this is not: "
            "expected ',' or ']', but got '<stream end>'; "
            "check quotes, brackets, colons and indentation there",
        ),
        (
            "imbalance.ratios=[1, .inf]",
            "`overrides` imbalance.ratios=[1, .inf]: imbalance.ratios.1: must be a finite number, but got .inf; "
            "write it in digits",
        ),
        (
            "methods=[{climb: {rate: 1, rate: 2}}]",
            "`overrides` methods=[{climb: {rate: 1, rate: 2}}]: methods.climb.rate: must be given once, but got it at "
            "`overrides` methods=[{climb: {rate: 1, rate: 2}}] too; keep one of them",
        ),
    ],
)
def test_a_setting_that_leads_nowhere_is_named(setting: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        override(document(), [setting])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "search.trials=abc",
            'search.trials: must be a whole number, but got "abc"; write trials: 0, for example',
        ),
        ("serach.trials=2", 'serach: is not a known key, but got "serach"; did you mean search?'),
        (
            "methods.climb.rate=-1",
            "methods.climb.rate: must be above 0, but got -1; write rate: 0.5, for example",
        ),
        (
            "search.space.hop.rate.low=1",
            "search.space.hop.rate.high: is required, but got nothing; write high: 1.0, for example",
        ),
    ],
)
def test_a_mistake_names_the_setting_in_place_of_file_and_line(
    setting: str, message: str, write_study: Callable[..., str]
) -> None:
    with pytest.raises(SpecError) as caught:
        load_study(write_study(), [setting])
    assert str(caught.value) == f"`overrides` {setting}: {message}"
