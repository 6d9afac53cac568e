from __future__ import annotations

import gc
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.main import get_group

import zostudy
from zostudy.cli.app import VERBS, app

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_version_is_that_of_the_project(call: Any) -> None:
    called = call("--version")
    assert (called.code, called.out) == (0, f"zostudy {PROJECT['version']}\n")
    assert zostudy.__version__ == PROJECT["version"]


def test_python_looks_for_garbage_rarely_and_ends_without(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_end: list[object] = []
    thresholds: list[int] = []
    monkeypatch.setattr("atexit.register", at_the_end.append)
    monkeypatch.setattr("gc.set_threshold", thresholds.append)
    assert call("--version").code == 0
    assert gc.freeze in at_the_end
    assert thresholds == [20_000]


def test_ctrl_c_ends_the_command_quietly_while_it_is_imported() -> None:
    script = """
import sys

class Interrupted:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
from zostudy.cli import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_a_python_that_drops_docstrings_is_refused(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zostudy.console.process_setup.sys", SimpleNamespace(flags=SimpleNamespace(optimize=2)))
    called = call("methods")
    assert (called.code, called.out) == (2, "")
    assert called.err == (
        "error: Python must keep docstrings, which transformers reads, but PYTHONOPTIMIZE=2 or -OO drops them; "
        "leave that out\n"
    )


@pytest.mark.parametrize(
    ("words", "word", "expected"), [("zostudy com", 1, "compare"), ("zostudy compare --me", 2, "--metric")]
)
def test_a_shell_completes_verbs_and_options(
    call: Any, monkeypatch: pytest.MonkeyPatch, words: str, word: int, expected: str
) -> None:
    for name, value in {"_ZOSTUDY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(word)}.items():
        monkeypatch.setenv(name, value)
    called = call()
    assert (called.code, called.out.split()) == (0, [expected])


def test_the_environment_names_results_and_cluster(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOSTUDY_RESULTS", str(ROOT / "results" / "reference" / "quickstart"))
    assert call("query", "SELECT count(*) AS n FROM trials", "--format", "csv").out == "n\n114\n"
    monkeypatch.setenv("ZOSTUDY_ADDRESS", "http://127.0.0.1:9")
    refused = call("jobs")
    assert refused.code == 2
    assert "127.0.0.1:9" in refused.err


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_examples_that_can_be_called(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOSTUDY_ADDRESS", "http://10.0.0.1:8265")
    for example in VERBS[verb][1]:
        get_group(app).commands[verb].make_context(verb, shlex.split(example))


@pytest.mark.parametrize("verb", ["query", "run", "bench"])
def test_help_shows_the_examples_and_fits_a_narrow_terminal(
    verb: str, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = [line.strip() for line in call(verb, "--help").out.splitlines()]
    assert max(map(len, lines)) <= 60
    assert {f"zostudy {verb} {example}".strip() for example in VERBS[verb][1]} <= {*lines}
