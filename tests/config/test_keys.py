"""The JSON schema of study files, and the keys as ``zostudy keys`` shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import zostudy.config
from zostudy.config.keys import describe_keys
from zostudy.config.loading import load_study
from zostudy.config.study import StudySpec
from zostudy.document import parse_document
from zostudy.errors import SpecError
from zostudy.methods import describe_options, get_method, method_names, registry

SEARCHED = "; searched by default: "
SCHEMA_FILE = Path(zostudy.config.__file__).with_name("study.schema.json")
STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))
LEAST = {"name": "a", "model": {"name": "minilm"}, "task": {}, "methods": ["zosa"]}


def errors(data: dict[str, Any]) -> list[str]:
    validator = Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    return [error.message for error in validator.iter_errors(data)]


def test_the_shipped_schema_is_that_of_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(registry._METHODS, "climb")
    shipped = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert shipped == StudySpec.model_json_schema(), (
        "run: zostudy keys --schema > platform/zostudy/config/study.schema.json"
    )


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_names_the_schema_and_fits_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    schema = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).resolve() == SCHEMA_FILE
    assert errors(parse_document(text, path.name).data) == []
    assert errors(json.loads(json.dumps(load_study(path).resolved()))) == []


@pytest.mark.parametrize(
    "methods",
    [
        ["zosa", {"spsa": None}, {"fzoo": {"spread_ddof": 0}}],
        [{"mine": {"method": "zosa", "objective": "auc"}}, {"zosa": {"method": "spsa", "estimator": "forward"}}],
        ["of-another-package", {"mine": {"method": "of-another-package", "rate": 1}}],
    ],
)
def test_entries_of_methods_fit_the_schema(methods: list[Any]) -> None:
    assert errors(LEAST | {"methods": methods}) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"methods": [{"zosa": {"sharpness_radius": -1}}]},
        {"methods": [{"zosa": {"no_such_option": 1}}]},
        {"methods": [{"mine": {"method": "zosa", "direction": "up"}}]},
        {"methods": [{"zosa": {}, "spsa": {}}]},
        {"methods": []},
        {"budget": {"queries": 0}},
        {"serach": {}},
        {"imbalance": {"ratios": [0.5]}},
    ],
)
def test_mistakes_do_not_fit_the_schema(broken: dict[str, Any]) -> None:
    assert errors(LEAST | broken)


def test_every_key_has_a_type_and_a_meaning() -> None:
    keys = [*describe_keys(), *describe_keys("methods")]
    assert all(each.type and each.meaning for each in keys if "climb" not in each.key)
    names = {each.key for each in keys}
    assert {"name", "task.splits.dev", "search.space", "methods", "methods.zosa.sharpness_radius"} <= names


BESIDE = {
    "model.start_text": ["model.start=text"],
    "model.start_draws": ["model.start=best-of-k"],
    "model.revision": ["model.name=FacebookAI/roberta-base"],
    **{f"task.{key}": ["task.file=tickets.csv"] for key in ("text", "second_text", "label", "split")},
    **{f"task.{key}": ["task.name=sst2"] for key in ("config", "revision", "splits")},
    **{f"task.splits.{role}": ["task.name=sst2"] for role in ("train", "dev", "test")},
    "task.wording": ["task.wordings={short: {template: '{text} {mask}', label_words: [bad, good]}}"],
}
"""What the example of a key needs beside it."""


def test_every_example_is_a_setting_that_a_study_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tickets.csv").write_text("text,label\n", encoding="utf-8")
    study = tmp_path / "study.yaml"
    study.write_text("{name: a, model: {name: mini-roberta}, task: {name: reviews}, methods: [spsa]}", encoding="utf-8")
    for each in (*describe_keys(), *describe_keys("methods.zosa"), *describe_keys("methods.white-box")):
        load_study(study, [*BESIDE.get(each.key, ()), each.example])


def test_the_options_of_a_method_are_keys() -> None:
    found: dict[str, dict[str, str]] = {}
    for each in describe_keys("methods"):
        _, method, option = each.key.split(".") if each.key != "methods" else ("", "", "")
        found.setdefault(method, {})[option] = each.meaning.partition(SEARCHED)[0]
    for method in method_names():
        assert found[method] == {each.name: each.doc for each in describe_options(get_method(method).Options)}, method


def test_a_key_says_what_it_is_searched_over() -> None:
    searched = {each.key: each.meaning.partition(SEARCHED)[2] for each in (*describe_keys(), *describe_keys("methods"))}
    assert searched["methods.spsa.perturbation_radius"] == "0.03 to 1 (log)"
    assert searched["methods.zosa.focal_gamma"] == "0.5 to 5 (log)"
    assert searched["imbalance.sampler"] == "natural | stratified"
    assert searched["methods.zosa.direction"] == searched["methods.untuned.subspace_dim"] == ""


def test_a_key_a_section_or_an_unknown_key() -> None:
    (trials,) = describe_keys("search.trials")
    assert (trials.type, trials.default) == ("int >= 0", 0)
    assert {each.key.partition(".")[0] for each in describe_keys("model")} == {"model"}
    assert describe_keys("zosa") == describe_keys("methods.zosa")
    for word, near in {"serach": "search", "search.trails": "search.trials"}.items():
        with pytest.raises(SpecError) as refused:
            describe_keys(word)
        assert refused.value.remedy == f"did you mean {near}?"
