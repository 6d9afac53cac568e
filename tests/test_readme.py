"""The README's commands, YAML and Python are real."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.main import get_group

from zostudy.bench.report import Report
from zostudy.cli.app import app
from zostudy.config import load_study
from zostudy.config.wordings import used_wordings
from zostudy.results.compare import compare
from zostudy.results.comparison_tables import comparison_tables
from zostudy.results.results import load_results
from zostudy.results.tables import markdown

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def section_command(heading: str) -> str:
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    (command,) = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return str(command).strip()


@pytest.mark.parametrize("heading", ["Run", "Test"])
def test_a_set_up_command_is_one_line_that_makes_its_own_environment(heading: str) -> None:
    command = section_command(heading)
    assert "\n" not in command
    assert re.match(r"python3 -m venv \.venv && \.venv/bin/pip install (--no-compile )?-e ", command)


def test_the_run_command_runs_a_study_that_is_there() -> None:
    assert (ROOT / section_command("Run").split()[-1]).is_file()


def test_ci_runs_the_test_command_of_this_file() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    extraction = re.search(r"awk '(.*?)' README.md", script)
    assert extraction is not None
    found = subprocess.run(["awk", extraction[1], "README.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == section_command("Test")


VERBS = [
    line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.startswith("zostudy")
]


@pytest.mark.parametrize("command", VERBS)
def test_a_command_has_only_verbs_and_options_that_exist(command: str) -> None:
    verb, *words = shlex.split(command)[1:]
    options = {option for parameter in get_group(app).commands[verb].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_studies_shown_load(tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text("body,urgent\nhelp,yes\n", encoding="utf-8")
    study, worded, task = blocks("yaml")
    (tmp_path / "study.yaml").write_text(study, encoding="utf-8")
    assert {method.label for method in load_study(tmp_path / "study.yaml").methods} >= {"zosa", "zosa-auc"}
    known = yaml.safe_load(study)
    (tmp_path / "worded.yaml").write_text(yaml.safe_dump(known | yaml.safe_load(worded)), encoding="utf-8")
    assert used_wordings(load_study(tmp_path / "worded.yaml")) == ("default", "plain", "short")
    del known["task"]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(known) + task, encoding="utf-8")
    assert load_study(tmp_path / "own.yaml").task.minority == "yes"


@pytest.mark.ray
def test_the_method_shown_comes_to_the_comparison(tmp_path: Path) -> None:
    code = next(block for block in blocks("python") if "register_method" in block)
    small = ["imbalance.ratios=[2]", "budget={queries: 40, batch_size: 8}", "search.trials=1", "confirm.seeds=2"]
    assert '"name=mine"' in code
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    done = subprocess.run(
        [sys.executable, "-c", code.replace('"name=mine"', f'"name=mine", *{small}')],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "platform")},
    )
    assert done.returncode == 0, done.stderr
    assert {"zosa", "spsa", "one-plus-one"} <= {*re.findall(r"^([\w-]+)  ", done.stdout, flags=re.MULTILINE)}
    assert "test_auc against spsa" in done.stdout


def test_the_entry_point_shown_names_the_class_shown() -> None:
    (entry,) = blocks("toml")
    (points,) = tomllib.loads(entry)["project"]["entry-points"].items()
    assert points == ("zostudy.methods", {"one-plus-one": "my_package.one_plus_one:OnePlusOne"})
    assert "class OnePlusOne(" in README


def test_pictures_and_files_named_are_there() -> None:
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_the_speeds_shown_are_those_of_the_reference_benchmark() -> None:
    report = Report.from_json((ROOT / "results" / "reference" / "bench.json").read_text(encoding="utf-8"))
    for model in report.evaluator:
        reference, float32, bfloat16 = model.speeds
        share = bfloat16.share_of_matrix_rate
        assert share is not None
        row = (
            f"| {model.model} | {reference.seconds:.3g} | {float32.ratio:.1f}x | {bfloat16.ratio:.1f}x | {share:.0%} |"
        )
        assert row in README
    assert report.machine.processor in README
    _, one, two = report.pool
    assert f"{two.over_one_replica:.2f} times one" in README
    assert f"{one.over_bare:.2f} of the bare evaluator" in README
    assert f"efficiency of {report.scale[-1].efficiency:.2f}" in README
    assert f"{report.memory[-1].over_one_replica:.2f} times" in README


@pytest.mark.parametrize("folder", sorted(path.parent for path in ROOT.glob("results/reference/*/study.yaml")))
def test_the_tables_shown_are_those_of_the_reference_results(folder: Path) -> None:
    comparison = compare(load_results(folder))
    for table in comparison_tables(comparison):
        assert markdown(replace(table, notes=())) in README
