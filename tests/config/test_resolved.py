from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.config.changes import StudyChanges, study_changes
from zostudy.config.loading import load_study, parse_study
from zostudy.errors import SpecError
from zostudy.yaml_text import dump_yaml

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.text(CHARACTERS, min_size=1, max_size=8) | st.sampled_from(["no", "1e-3", "0o7"])
GPUS = st.floats(0.01, 1) | st.integers(2, 100).map(float)
RANGES = st.tuples(st.floats(0.01, 1), st.floats(2, 5), st.booleans()).map(
    lambda ends: {"low": ends[0], "high": ends[1], "log": ends[2]}
)
RATIOS = st.lists(st.floats(1, 99), min_size=1, unique_by=lambda ratio: f"{ratio:.6g}")
SPACE = st.fixed_dictionaries(
    {},
    optional={
        "rate": RANGES,
        "hop.rate": RANGES,
        "shape": st.just({"choice": ["square", "round"]}),
        "greedy": st.just({"choice": [True, False]}),
        "subspace_dim": st.lists(st.integers(1, 99), min_size=1, unique=True).map(lambda dims: {"choice": dims}),
        "imbalance.margin": RANGES,
    },
)
LENGTH: dict[str, st.SearchStrategy[object]] = {"max_length": st.none() | st.integers(11, 99)}
OF_THE_HUB: dict[str, st.SearchStrategy[object]] = {"revision": st.none() | TEXT, **LENGTH}
MODELS: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {"name": st.just("minilm")}, optional=LENGTH
) | st.fixed_dictionaries({"name": st.just("org/model")}, optional=OF_THE_HUB)
STUDIES = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True),
        "model": MODELS,
        "task": st.fixed_dictionaries(
            {"name": st.just("sst2")},
            optional={
                "template": TEXT,
                "label_words": st.lists(TEXT, min_size=2, max_size=4, unique=True),
                "minority": TEXT | st.lists(TEXT, min_size=1, unique=True),
                "splits": st.fixed_dictionaries({}, optional={"train": TEXT, "dev": TEXT}),
                "truncate": st.booleans(),
            },
        ),
        "methods": st.just([{"hop": {"method": "climb"}}, "climb", {"zosa": {"reach": 0.5}}]),
    },
    optional={
        "imbalance": st.fixed_dictionaries({"ratios": RATIOS}),
        "search": st.fixed_dictionaries({"space": SPACE}),
        "seed": st.integers(0, 2**63 - 1),
        "replicas": st.just("auto") | st.integers(1, 9),
        "resources": st.fixed_dictionaries({"gpus": GPUS}),
    },
)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(STUDIES)
def test_a_resolved_study_written_and_loaded_is_the_same_study(
    tmp_path_factory: pytest.TempPathFactory, asked: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "resolved.yaml"
    path.write_text(dump_yaml(asked), encoding="utf-8")
    study = load_study(path)
    text = dump_yaml(study.resolved())
    path.write_text(text, encoding="utf-8")
    assert load_study(path) == parse_study(text, "study.yaml") == study
    assert yaml.safe_load(text) == study.resolved()
    changes = study_changes(asked, study.resolved())
    assert all(": nothing -> " in line for line in (*changes.additions, *changes.contradictions))


def test_a_resolved_study_has_its_defaults_and_only_plain_data(write_study: Callable[..., str]) -> None:
    resolved = load_study(write_study(methods="methods: [climb, {hop: {method: climb, rate: 2}}]")).resolved()
    assert resolved["methods"] == ["climb", {"hop": {"method": "climb", "rate": 2.0}}]
    assert resolved["budget"] == {"queries": 300, "batch_size": 32, "evaluations": 5}
    assert resolved["imbalance"]["ratios"] == [1.0]
    assert list(resolved) == [key for key in resolved if resolved[key] is not None]


def test_a_stored_study_needs_no_data_but_must_be_a_study(write_study: Callable[..., str]) -> None:
    resolved = load_study(write_study()).resolved()
    gone = resolved | {"task": {"file": "/gone.csv"}}
    assert parse_study(dump_yaml(gone), "study.yaml").task.file == "/gone.csv"
    elsewhere = resolved | {"methods": ["theirs", {"own": {"method": "of-a-script", "rate": [1]}}]}
    methods = parse_study(dump_yaml(elsewhere), "study.yaml").methods
    assert [(method.label, method.algorithm) for method in methods] == [("theirs", "theirs"), ("own", "of-a-script")]
    broken: list[Any] = [[3], "theirs", [{"a": {}, "b": {}}]]
    for wrong in broken:
        with pytest.raises(SpecError, match=r"study\.yaml:\d+: methods"):
            parse_study(dump_yaml(resolved | {"methods": wrong}), "study.yaml")
    with pytest.raises(SpecError, match=r"study\.yaml:\d+: seed"):
        parse_study(dump_yaml(resolved | {"seed": "x"}), "study.yaml")


def test_difference_names_each_key_that_differs() -> None:
    old = {
        "seed": 0,
        "search": {"trials": 2, "space": {"rate": {"low": 1}}},
        "methods": ["climb", {"hop": {"rate": 1}}],
    }
    new = {
        "seed": 0.0,
        "search": {"trials": 3, "space": {}},
        "methods": [{"hop": {"rate": 2}}, "climb", "zosa"],
    }
    changes = study_changes(old, new)
    assert changes.additions == ("search.trials: 2 -> 3", "methods.zosa: nothing -> {}")
    assert changes.contradictions == (
        "search.space.rate.low: 1 -> nothing",
        'methods.hop: {"rate": 1} -> {"rate": 2}',
    )
    assert study_changes(old, old) == StudyChanges((), ())


def test_the_number_of_replicas_makes_no_other_study(tmp_path: Path, write_study: Callable[..., str]) -> None:
    path = write_study()
    one, two = (load_study(path, [f"replicas={count}"]).resolved() for count in (1, 2))
    assert one != two
    assert study_changes(one, two) == StudyChanges((), ())


def test_a_key_that_an_older_study_file_lacks_counts_with_its_default() -> None:
    old = {"model": {"name": "minilm"}}
    assert study_changes(old, {"model": {"name": "minilm", "trust_remote_code": False}}) == StudyChanges((), ())
    changed = study_changes(old, {"model": {"name": "minilm", "trust_remote_code": True}})
    assert changed.contradictions == ("model.trust_remote_code: false -> true",)


OLD: dict[str, Any] = {
    "model": {"name": "minilm"},
    "imbalance": {"ratios": [1, 10]},
    "methods": ["spsa", {"zosa": {"reach": 0.5}}],
    "search": {"trials": 6},
    "confirm": {"seeds": 3},
    "seed": 0,
}


@pytest.mark.parametrize(
    ("change", "addition"),
    [
        ({"search": {"trials": 12}}, "search.trials: 6 -> 12"),
        ({"search": {"trials": 6, "seeds": 3}}, "search.seeds: 1 -> 3"),
        ({"confirm": {"seeds": 5}}, "confirm.seeds: 3 -> 5"),
        ({"imbalance": {"ratios": [50, 10, 1]}}, "imbalance.ratios: [1, 10] -> [50, 10, 1]"),
        ({"methods": [*OLD["methods"], "fzoo"]}, "methods.fzoo: nothing -> {}"),
    ],
)
def test_more_trials_seeds_ratios_and_methods_are_additions(change: dict[str, Any], addition: str) -> None:
    changes = study_changes(OLD, {**OLD, **change})
    assert (changes.additions, changes.contradictions) == ((addition,), ())


@pytest.mark.parametrize(
    "change",
    [
        {"search": {"trials": 5}},
        {"search": {"trials": 6, "p_threshold": 0.3}},
        {"search": {"trials": 6, "space": {"spsa.subspace_dim": {"choice": [2]}}}},
        {"confirm": {"seeds": 2}},
        {"imbalance": {"ratios": [1, 50]}},
        {"imbalance": {"ratios": [1]}},
        {"methods": ["spsa"]},
        {"methods": ["spsa", {"zosa": {"reach": 0.1}}]},
        {"model": {"name": "mini-gpt2"}},
        {"seed": 1},
        {"budget": {"queries": 600}},
    ],
)
def test_anything_else_is_a_contradiction(change: dict[str, Any]) -> None:
    changes = study_changes(OLD, {**OLD, **change})
    assert changes.contradictions
    assert not changes.additions
