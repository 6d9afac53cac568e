"""The package as Python code uses it."""

from __future__ import annotations

import ast
import inspect
import logging
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import zostudy
from zostudy.config.loading import load_study, study_of
from zostudy.errors import ResultsError, ResultsWarning, SpecError
from zostudy.results.storage import Storage
from zostudy.yaml_text import dump_yaml

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results" / "reference"

TINY: dict[str, Any] = {
    "name": "tiny",
    "model": {"name": "mini-roberta"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": [2], "minority_size": 6},
    "methods": ["spsa"],
    "budget": {"queries": 20, "batch_size": 4, "evaluations": 1},
    "search": {"trials": 1, "space": {"imbalance.sampler": {"choice": ["natural", "stratified"]}}},
    "confirm": {"seeds": 1, "landscape": False},
    "replicas": 1,
}

OWN_METHOD = """
import sys

import zostudy
from zostudy.methods import MethodOptions, Queries, StepRecord

@zostudy.register_method("mine")
class Mine(zostudy.Method):
    "One random walk."

    Options = MethodOptions
    step_cost = 1

    def step(self):
        batch = self.context.rows[None, : self.context.batch_size]
        yield Queries(self.latent[None], batch)
        return StepRecord(loss=0.0, loss_spread=0.0, gradient_norm=0.0, latent_norm=0.0)

class Ends(zostudy.Callback):
    names = []

    def on_trial_end(self, assignment, outcome):
        self.names.append(outcome.name)

address, changes = sys.argv[1], {"overrides": ["methods=[mine, untuned]"], "track": ["tensorboard"]}
results = zostudy.run("study.yaml", "results", address=address, callbacks=[Ends()], **changes)
assert sorted(Ends.names) == sorted(results.trials["trial"])
print(results, zostudy.compare(results).rows)
"""


def python(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "platform"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, **options
    )


def test_importing_the_package_imports_nothing_else() -> None:
    done = python("import sys; before = set(sys.modules); import zostudy; print(*(set(sys.modules) - before))")
    assert done.returncode == 0, done.stderr
    assert {name.split(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names == {"zostudy"}


@pytest.mark.parametrize("name", zostudy.__all__)
def test_a_public_name_is_there_documented_and_listed(name: str) -> None:
    assert getattr(zostudy, name).__doc__
    assert name in dir(zostudy)


def test_type_checkers_see_the_names_that_are_imported_late() -> None:
    tree = ast.parse((ROOT / "platform" / "zostudy" / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(seen) == sorted(zostudy.__all__)
    for name, home in seen.items():
        function = getattr(import_module(str(home)), name)
        if name in ("export", "report"):  # a room that is called as its function is
            parameters = inspect.signature(getattr(zostudy, name)).parameters
            assert str(list(parameters.values())) == str(list(inspect.signature(function).parameters.values()))
        else:
            assert getattr(zostudy, name) is function


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"study": None}, "a study must be a file, .*, but got None; write"),
        (
            {"overrides": "seed=3"},
            r'`overrides`: must be a list of texts, but got "seed=3"; write \["search.trials=2"\]',
        ),
        ({"overrides": {"seed": 3}}, "`overrides`: must be a list of texts"),
        ({"track": "mlflow"}, r"`track`: must be a list of trackers, but got 'mlflow'; write \['mlflow'\]"),
        ({"track": None}, r"`track`: must be a list of trackers, but got None; write \['mlflow'\], for example"),
        ({"callbacks": zostudy.Callback()}, "`callbacks`: must be a list of instances of zostudy.Callback"),
        ({"callbacks": [zostudy.Callback]}, "`callbacks`: must be a list of instances .*; write callbacks="),
        ({"callbacks": [print]}, "`callbacks`: must be a list of instances of zostudy.Callback"),
        ({"address": "10.0.0.1"}, "`address` must be HOST:PORT of the cluster's head node, or auto, but is 10.0.0.1"),
        ({"results": None}, "a location of results must be a path or a URI, but got None"),
    ],
)
def test_a_wrong_argument_of_run_is_told_before_anything_is_written(
    given: dict[str, Any], message: str, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"study": TINY, "results": tmp_path} | given
    with pytest.raises(zostudy.ZostudyError, match=message):
        zostudy.run(**arguments)
    assert not [*tmp_path.iterdir()]


def test_a_second_study_of_this_process_is_refused_while_one_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def outline(*_: object) -> None:
        with pytest.raises(zostudy.ZostudyError, match="one study at a time, but another thread of it runs one; run"):
            zostudy.run(TINY, tmp_path)
        raise SpecError("the first one ends")

    monkeypatch.setattr("zostudy.console.preparing.outline_with_notes", outline)
    for _ in range(2):  # a study that has ended is in no other's way
        with pytest.raises(SpecError, match="the first one ends"):
            zostudy.run(TINY, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_the_address_local_is_that_of_no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[str | None] = []

    def prepared_beside_fleet(plan: Any, storage: Any, address: str | None, *_: object) -> None:
        given.append(address)
        raise SpecError("far enough")

    monkeypatch.setattr("zostudy.console.preparing.outline_with_notes", lambda spec: SimpleNamespace(plan=None))
    monkeypatch.setattr("zostudy.search.running_fleet.prepared_beside_fleet", prepared_beside_fleet)
    for address in (None, "local", "auto"):
        with pytest.raises(SpecError, match="far enough"):
            zostudy.run(TINY, tmp_path, address=address)
    assert given == [None, None, "auto"]


def test_overrides_of_a_loaded_study_are_refused_as_they_would_do_nothing(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"`overrides`: must be left out for a study .*, but got \['seed=3'\]"):
        zostudy.run(study_of(TINY), tmp_path, overrides=["seed=3"])


def test_a_value_that_no_study_file_holds_is_named_by_its_key() -> None:
    for section in ({"queries": np.int64(20)}, {"queries": Path("20")}, {"queries": {20}}):
        with pytest.raises(SpecError, match=r"^study: budget.queries: must be text, .* is of type \w+; convert"):
            study_of(TINY | {"budget": section})
    with pytest.raises(SpecError, match=r"^study: methods\.0: must be text"):
        study_of(TINY | {"methods": [zostudy.Method]})


def test_what_is_no_place_or_statement_or_metric_is_an_error_of_zostudy(tmp_path: Path) -> None:
    results = zostudy.load_results(ROOT / "tests" / "data" / "quickstart")
    with pytest.raises(ResultsError, match="must be a path or a URI, but got <Results: "):
        zostudy.export(results, "best", tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ResultsError, match="results must be read from a folder or several, but got <Results: "):
        zostudy.report(results)  # type: ignore[arg-type]
    with pytest.raises(ResultsError, match="a query must be text, but got None"):
        results.sql(None)  # type: ignore[arg-type]
    with pytest.raises(ResultsError, match=r"a metric must be one of .*, but got 3"):
        zostudy.compare(results, metrics=3)  # type: ignore[arg-type]
    with pytest.raises(ResultsError, match=r"a metric of this comparison must be one of .*, but got nope"):
        zostudy.compare(results).rank_statistics("nope")
    for trials in (["a trial"], results.trials["trial"], results.trials[["trial"]]):
        with pytest.raises(ResultsError, match=r"^`trials`: must be rows of the table trials, with study and trial,"):
            results.only(trials)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (zostudy.inspect, {"data": 5}, "`data`: must be a path, but got 5; give a file or folder"),
        (zostudy.inspect, {"data": "tickets.csv", "text": 5}, "`text`: must be text, but got 5"),
        (zostudy.inspect, {"data": "tickets.csv", "model": Path("minilm")}, "`model`: must be text, but got PosixPath"),
        (zostudy.init_study, {"data": None, "output": "new.yaml"}, "`data`: must be a path, but got None"),
        (zostudy.init_study, {"data": "tickets.csv", "output": 5}, "`output`: must be a path, but got 5"),
        (zostudy.export, {"results": "results", "trial": "best", "to": None}, "`to`: must be a path, but got None"),
        (zostudy.export, {"results": "results", "trial": "best", "to": ""}, "`to`: must be a path, but got ''"),
        (zostudy.predict, {"export": b"export", "texts": ["a text"]}, "`export`: must be a path, but got b'export'"),
        (zostudy.inspect, {"data": "tickets.csv", "model": ""}, "`model`: must not be empty, but got ''; leave it out"),
        (zostudy.init_study, {"data": "tickets.csv", "model": ""}, "`model`: must not be empty"),
        (zostudy.predict, {"export": "export", "texts": ["a text"], "device": 0}, "`device`: must be text, but got 0"),
        (zostudy.predict, {"export": "export", "texts": "a.csv", "text": ""}, "`text`: must not be empty"),
    ],
)
def test_an_argument_of_the_wrong_type_is_named(function: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(zostudy.ZostudyError, match=f"^{message}"):
        function(**given)


def test_trials_that_stand_twice_in_a_frame_are_refused() -> None:
    trials = zostudy.load_results(ROOT / "tests" / "data" / "quickstart").trials
    with pytest.raises(ResultsError, match=r"a cell must have one confirm trial a seed, but .* has one twice"):
        zostudy.compare(pd.concat([trials, trials]))


def test_trials_that_have_all_failed_are_not_told_to_go_on() -> None:
    trials = zostudy.load_results(ROOT / "tests" / "data" / "quickstart").trials
    searched = trials[trials["stage"] == "search"]
    with pytest.raises(ResultsError, match="search trials so far; let the study run to its end"):
        zostudy.compare(searched)
    with pytest.raises(ResultsError, match="search trials, and all have failed; mend what the column error"):
        zostudy.compare(searched.assign(status="failed"))


def test_a_run_from_python_tells_which_trials_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = SimpleNamespace(trial="spsa-r2-search-000", error="ValueError: no such layer")
    monkeypatch.setattr("zostudy.running.run_spec", lambda *_: SimpleNamespace(failed=[failed]))
    monkeypatch.setattr("zostudy.running.load_results", str)
    monkeypatch.setattr(logging.getLogger("zostudy"), "propagate", True)
    zostudy.run(TINY, tmp_path)
    assert "spsa-r2-search-000 failed: ValueError: no such layer" in caplog.messages


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'zostudy' has no attribute 'fit'"):
        _ = zostudy.fit


def test_results_and_comparisons_are_tables_in_a_notebook() -> None:
    results = zostudy.load_results(ROOT / "tests" / "data" / "quickstart")
    assert zostudy.compare(results)._repr_html_() in results._repr_html_()
    assert "&lt;Results: " in results._repr_html_()
    searched = results.only(results.trials[results.trials["stage"] == "search"])
    assert "a comparison needs confirm trials" in searched._repr_html_()
    comparison = zostudy.compare(results, baseline="spsa")
    shown = comparison._repr_html_()
    assert shown.count("<table>") == 6
    best = [record for record in comparison.records() if record["best"]]
    assert len(best) == 9
    for record in best:
        assert f"<b>{record['mean']:.3f} ({record['low']:.3f}, {record['high']:.3f})</b>" in shown


def test_a_notebook_shows_each_study_with_its_own_notes_alone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "data" / "quickstart", tmp_path / "quickstart")
    shutil.rmtree(tmp_path / "quickstart" / "landscape")
    with pytest.warns(ResultsWarning, match="landscape"):
        results = zostudy.load_results([tmp_path / "quickstart", ROOT / "results" / "reference" / "budget-300"])
    assert results._repr_html_().count("results must be whole") == 1


def test_plain_data_is_a_study_as_its_file_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "study.yaml").write_text(dump_yaml(TINY))
    monkeypatch.chdir(tmp_path)
    assert study_of(TINY, ["seed=3"]) == load_study("study.yaml", ["seed=3"])
    with pytest.raises(SpecError, match="budget"):
        study_of(TINY | {"budget": {"queries": 0}})


def test_a_mistake_in_a_study_or_its_place_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="methods"):
        zostudy.run(TINY | {"methods": ["sgd"]}, tmp_path)
    with pytest.raises(ResultsError, match="missing"):
        zostudy.load_results(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_dry_run_is_what_the_command_line_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    planned = zostudy.dry_run(TINY, ["confirm.seeds=2"])
    assert (planned.study.plan.n_trials, planned.expected.tuning_examples) == (3, 240)
    shown = repr(planned).splitlines()
    assert shown[0].split()[:3] == ["cell", "searched", "minority/majority"]
    assert "1 cell, 3 trials, 60 queries (240 examples), " in shown[-2]
    assert "if nothing else runs" in shown[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ray
def test_a_method_of_the_users_own_script_runs_in_a_study_and_is_compared(address: str, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(dump_yaml(TINY))
    done = python(OWN_METHOD, address, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "<Results: 3 finished trials of tiny> [('untuned',), ('mine',)]"
    storage = Storage.at(tmp_path / "results" / "tiny")
    assert (storage / "trials").files() == ["merged.parquet"]
    trials = zostudy.load_results(storage).trials
    assert trials["status"].tolist() == ["complete"] * 3
    assert sorted(path.name for path in (tmp_path / "results/tiny/tensorboard").iterdir()) == sorted(trials["trial"])
