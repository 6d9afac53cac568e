"""``zostudy guide``, and every guide: its commands run or parse, its YAML loads, its Python runs, its links lead on."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.main import get_group

import zostudy
from zostudy.cli.app import app
from zostudy.cli.guide import read_guides
from zostudy.config.known import SCHEMA_FILE
from zostudy.config.loading import load_study, study_of
from zostudy.config.wordings import used_wordings

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "platform" / "zostudy"
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "studies" / "README.md",
        ROOT / "results" / "README.md",
        ROOT / ".github" / "CONTRIBUTING.md",
        PACKAGE / "README.md",
        *sorted(PACKAGE.glob("guides/*.md")),
    )
}

LONG = {"bench", "delete", "doctor", "jobs", "logs", "stop", "submit"}
"""Verbs that need a cluster, a minute or an answer. Their own tests run them; here they are parsed."""
ELSEWHERE = {"--address", "--device", "--watch", "all.html", "results/budget-100", "studies/real_text.yaml"}
"""Words of commands that need a cluster, a GPU or a data set, or that ``test_report.py`` or ``test_rerun.py`` runs."""
OTHER_PROGRAMS = {
    "coverage",
    "cp",
    "diff",
    "docker",
    "git",
    "kubectl",
    "optuna-dashboard",
    "printf",
    "sbatch",
    "sed",
    "source",
    "srun",
}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """Yields the words of each simple command of a shell, without the files that it writes."""
    for line in "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(re.sub(r"(^| +)#.*", "", line), posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split, lexer.commenters = True, ""
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("();<>|&"):
                words.append(word)
                continue
            if words:
                yield words
            words = ["to"] if ">" in word else []


def is_parsed_only(words: list[str]) -> bool:
    elsewhere = ELSEWHERE & {*words} or any(re.match("s3://|results/reference", word) for word in words)
    return bool(elsewhere) or words[1] in LONG or ("run" in words[1:3] and "--dry-run" not in words)


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_of_a_text_is_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOSTUDY_ADDRESS", "http://10.0.0.1:8265")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for program, *words in commands(TEXTS[name]):
        assert all((ROOT / word).exists() for word in words if re.match(r"(platform|studies|tests)/", word)), words
        program = program.removeprefix(".venv/bin/")
        if program == "zostudy":
            get_group(app).commands[words[0]].make_context(words[0], words[1:])
        elif program == "export":
            assert words[0].partition("=")[0] in ("ZOSTUDY_ADDRESS", "RAY_AUTH_TOKEN")
        elif program in ("python", "python3"):
            module = words[words.index("-m") + 1]
            assert module == "pip" or importlib.util.find_spec(module), words
        elif program == "srun":
            assert words[1] == "zostudy"
            get_group(app).commands[words[2]].make_context(words[2], words[3:])
        elif program == "pip":
            wanted = {extra for word in words for extra in re.findall(r"\[(\w+)\]", word)}
            assert wanted <= {*project["optional-dependencies"]}
        elif "/" in program:
            assert (ROOT / program).is_file(), program
        else:
            assert program in OTHER_PROGRAMS | {"to"}, program


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, text in TEXTS.items() if any(c[0] == "zostudy" for c in commands(text))]
)
def test_the_commands_of_a_text_run(
    name: str,
    desk: Path,
    call: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    comparison_alone: None,
) -> None:
    shutil.copytree(desk, tmp_path / "desk", symlinks=True)
    monkeypatch.chdir(tmp_path / "desk")
    for program, *words in commands(TEXTS[name]):
        if program == "zostudy" and not is_parsed_only([program, *words]):
            called = call(*words)
            assert called.code == 0, (words, called.err)


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if blocks(text, "yaml")])
def test_the_yaml_of_a_text_loads(name: str, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    whole = load_study(desk / "quickstart").resolved()
    for block in blocks(TEXTS[name], "yaml"):
        study_of(whole | yaml.safe_load(block))


def test_the_wordings_shown_are_searched() -> None:
    study, worded = blocks(TEXTS["platform/zostudy/guides/writing-studies.md"], "yaml")
    assert {method.label for method in study_of(yaml.safe_load(study)).methods} >= {"zosa", "zosa-focal"}
    assert used_wordings(study_of(yaml.safe_load(study) | yaml.safe_load(worded))) == ("default", "plain", "short")


def test_the_study_shown_is_what_init_writes(desk: Path, tmp_path: Path) -> None:
    shutil.copy(desk / "tickets.csv", tmp_path)
    written = zostudy.init_study(tmp_path / "tickets.csv", tmp_path / "study.yaml", model="mini-roberta")
    (shown,) = blocks(TEXTS["studies/README.md"], "yaml")
    schema = "file:///home/me/.venv/lib/python3.13/site-packages/zostudy/config/study.schema.json"
    assert shown.replace(schema, SCHEMA_FILE.as_uri()) == written.read_text(encoding="utf-8")


@pytest.mark.parametrize("guide", ["own-data", "reading-results"])
def test_the_python_of_a_guide_runs(guide: str, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(desk, tmp_path / "desk", symlinks=True)
    monkeypatch.chdir(tmp_path / "desk")
    (code,) = blocks(read_guides()[guide], "python")
    exec(code, {})


def test_the_callback_shown_is_called_by_a_run_of_the_shipped_quickstart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*given: Any, **named: Any) -> None:
        arguments = signature.bind(*given, **named).arguments
        load_study(arguments["study"], arguments["overrides"])
        for callback in arguments["callbacks"]:
            callback.on_trial_end(SimpleNamespace(name="a"), SimpleNamespace(trial=SimpleNamespace(status="complete")))

    signature = inspect.signature(zostudy.run)
    monkeypatch.setattr(zostudy, "run", run)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(read_guides()["running"], "python")
    exec(code, {})
    assert capsys.readouterr().out == "a complete\n"


@pytest.mark.ray
def test_the_method_shown_comes_to_the_comparison(tmp_path: Path) -> None:
    (code,) = blocks(read_guides()["own-method"], "python")
    few = ["imbalance.ratios=[2]", "budget={queries: 40, batch_size: 8}", "search.trials=1"]
    small = [*few, "confirm={seeds: 2, landscape: false}"]
    assert '"name=mine"' in code
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    done = subprocess.run(
        [sys.executable, "-c", code.replace('"name=mine"', f'"name=mine", *{small}')],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "platform")},
    )
    assert done.returncode == 0, done.stderr
    assert {"zosa", "spsa", "one-plus-one"} <= {*re.findall(r"^([\w-]+)  ", done.stdout, flags=re.MULTILINE)}
    assert "test_auc against spsa" in done.stdout


def test_the_entry_point_shown_names_the_class_shown() -> None:
    guide = read_guides()["own-method"]
    (entry,) = blocks(guide, "toml")
    (points,) = tomllib.loads(entry)["project"]["entry-points"].items()
    assert points == ("zostudy.methods", {"one-plus-one": "my_package.one_plus_one:OnePlusOne"})
    assert "class OnePlusOne(" in guide


def test_the_columns_listed_are_those_of_the_schemas(call: Any) -> None:
    listed = TEXTS["results/README.md"].split("\n## Tables and columns\n\n")[1]
    assert listed == call("query", "--format", "markdown").out, "results/README.md says how to make the list anew"


@pytest.mark.parametrize("name", TEXTS)
def test_the_links_of_a_text_lead_to_files_and_headings(name: str) -> None:
    for path, _, anchor in re.findall(r"\]\((?!http)([^)#]*)(#?)([^)]*)\)", TEXTS[name]):
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings], anchor


def test_the_readme_names_every_guide() -> None:
    named = re.findall(r"^\| \[([\w-]+)\]\((\S+)\) \|", TEXTS["README.md"], flags=re.MULTILINE)
    assert {topic: TEXTS[path] for topic, path in named} == read_guides()


def test_a_guide_is_printed_as_it_is_written(call: Any) -> None:
    assert call("guide", "Own", "data").out == TEXTS["platform/zostudy/guides/own-data.md"]
    assert call("guide", "architecture").out == TEXTS["platform/zostudy/README.md"]
    listed = call("guide").out
    for topic, text in read_guides().items():
        assert re.search(rf"^{topic} +{re.escape(text.splitlines()[0][2:])}$", listed, flags=re.MULTILINE)


def test_a_guide_is_laid_out_on_a_terminal(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("zostudy.cli.guide.sys.stdout.isatty", lambda: True, raising=False)
    lines = re.sub(r"\x1b\[[\d;]*m", "", call("guide", "gpu").out).splitlines()
    assert any("Run on GPUs" in line for line in lines[:3])  # rich 13 draws a box around it
    assert "```" not in "".join(lines)
    assert max(map(len, lines)) <= 60


def test_an_unknown_guide_is_one_line_with_a_near_name(call: Any) -> None:
    called = call("guide", "clustr")
    assert (called.code, called.out) == (2, "")
    assert called.err == "error: guide: must be a topic, but got clustr; did you mean cluster?\n"
