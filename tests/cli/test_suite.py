"""``zostudy suite``: a method from outside enters it; what cannot enter is refused before anything is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from zostudy.cli.guide import read_guides
from zostudy.methods import registry
from zostudy.methods.options import MethodOptions
from zostudy.methods.spsa import Spsa
from zostudy.suite.definition import PARTS

PLATFORM = Path(__file__).parents[2] / "platform"
SLICE = ("--only", "mini-llama", "--budget", "300")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An installed package that has the method of the guide, by its entry point."""
    guide = read_guides()["own-method"]
    code = re.findall(r"^```python\n(.*?)^results = ", guide, flags=re.DOTALL | re.MULTILINE)
    entry = re.findall(r"^one-plus-one = \"(.*)\"$", guide, flags=re.MULTILINE)
    files = {
        "my_package/one_plus_one.py": code[0],
        "my_package-1.dist-info/entry_points.txt": f"[zostudy.methods]\none-plus-one = {entry[0]}\n",
        "my_package-1.dist-info/METADATA": "Name: my-package\nVersion: 1\n",
    }
    for name, text in files.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(text, encoding="utf-8")
    return tmp_path / "site"


@pytest.mark.ray
def test_a_method_from_outside_enters_beside_methods_that_agree_with_their_committed_rows(
    package: Path, tmp_path: Path
) -> None:
    options = [*SLICE, "--ratio", "10", "--seeds", "1", "--methods", "one-plus-one,bpt-fzg,zosa"]
    done = subprocess.run(
        [sys.executable, "-m", "zostudy", "suite", "run", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (PLATFORM, package)))},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a slice of suite version 1: mini-llama; budget 300; ratio 10; 1 of 5 seeds\n")
    shown = {*re.findall(r"^([\w-]+)  ", done.stdout, flags=re.MULTILINE)}
    assert shown >= {"one-plus-one", "bpt-fzg", "zosa", "fzoo", "spsa", "untuned"}
    agreed = "as committed, to the last bit: bpt-fzg (1 trial), zosa (1 trial)\n" in done.stdout
    assert agreed or "within the tolerance" in done.stdout, "another kind of processor rounds otherwise"
    assert (tmp_path / "results" / "suite-1-mini-llama-300-ratio-10-seeds-1" / "study.yaml").is_file()


def test_the_suite_alone_says_what_it_is_and_shows_its_leaderboard(call: Any) -> None:
    called = call("suite")
    assert called.code == 0
    first, second, *lines = called.out.splitlines()
    assert (first, second) == (
        "suite version 1",
        "budgets of 300 and 1,200 queries, 5 seeds, every default as it is",
    )
    shown = [line.split()[0] for line in lines if line]
    assert {*(part.name for part in PARTS), "bpt-fzg", "zosa", "untuned"} <= {*shown}
    assert lines[-1] == "next: zostudy suite run --offline --methods NAME"
    small = call("suite", *SLICE, "--ratio", "10", "--seeds", "2")
    assert small.out.startswith("a slice of suite version 1: mini-llama; budget 300; ratio 10; 2 of 5 seeds\n")
    assert "over 2 confirm seeds" in small.out
    assert "\nno method has rows here yet\n" in call("suite", *SLICE, "--ratio", "natural").out


def refused(call: Any, tmp_path: Path, *options: object) -> str:
    called = call("suite", "run", "--results", tmp_path / "results", *options)
    assert (called.code, called.out, called.err.count("\n")) == (2, "", 1)
    assert not (tmp_path / "results").exists()
    return str(called.err).removeprefix("error: ").rstrip()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ([], "--methods: must name a method, but none is named; zostudy methods lists them"),
        (["--methods", "zosa,zosa"], "--methods: must name each once, but zosa stands twice; keep one"),
        (["--methods", "zosa", "--version", "2"], "--version: the suite has 1, but got 2; choose one of these"),
        (["--methods", "zosa", "--budget", "400"], "--budget: the suite has 300, 1200, but got 400; did you mean 300?"),
        (["--methods", "zosa", "--seeds", "9"], "--seeds: the suite has 1, 2, 3, 4, 5, but got 9; choose one of these"),
        (
            ["--methods", "zosa", "--ratio", "3"],
            "--ratio: the suite has 1, 10, 50, natural, but got 3; choose one of these",
        ),
        (
            ["--methods", "zosa", "--offline", "--only", "mini-lama"],
            "--only: the suite has mini-llama, mini-gpt2, mini-roberta, but got mini-lama; did you mean mini-llama?",
        ),
        (
            ["--methods", "zosa", "--offline", "--ratio", "natural"],
            "--ratio: must be a ratio of a part, but none of mini-llama, mini-gpt2, mini-roberta has it; "
            "name another, or more parts",
        ),
        (
            ["--methods", "zosa", "--only", "minilm-sms"],
            "--data: must name a folder of data files, but no data set of the hub is known for sms_spam; "
            "zostudy guide suite names their sources, and --offline needs none",
        ),
    ],
)
def test_what_the_suite_lacks_is_refused(call: Any, tmp_path: Path, options: list[str], line: str) -> None:
    assert refused(call, tmp_path, *options) == line


def test_an_unknown_method_is_refused_with_a_near_name(call: Any, tmp_path: Path) -> None:
    line = refused(call, tmp_path, *SLICE, "--methods", "zossa")
    assert line.endswith("but got 'zossa'; did you mean zosa?")


def test_a_method_without_a_default_is_refused(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Options(MethodOptions):
        width: float

    monkeypatch.setitem(registry._METHODS, "bare", type("Bare", (Spsa,), {"Options": Options}))
    line = refused(call, tmp_path, *SLICE, "--methods", "bare")
    assert (
        line == "a method of the suite must have a default for every option, but bare has none for width; give it one"
    )


def test_a_folder_without_the_file_is_refused(call: Any, tmp_path: Path) -> None:
    line = refused(call, tmp_path, "--methods", "zosa", "--only", "minilm-sst2", "--data", tmp_path)
    assert line.startswith(f"--data: must be a folder of data files, but {tmp_path} holds no sst2 (.csv, .tsv, ")


def test_other_texts_are_refused_by_their_digest(call: Any, tmp_path: Path) -> None:
    rows = [f"a text of number {number},{number % 2},{'train' if number < 90 else 'test'}" for number in range(120)]
    (tmp_path / "sst2.csv").write_text("\n".join(["text,label,split", *rows]), encoding="utf-8")
    line = refused(call, tmp_path, "--methods", "zosa", "--only", "minilm-sst2", "--data", tmp_path)
    assert line.startswith("the texts, labels and splits of minilm-sst2 must have the digest ecb708877043d05c, but ")
    assert line.endswith("; zostudy guide suite names the source of each file")


def test_without_a_network_the_hub_is_refused_in_one_line(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> None:
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr("datasets.load_dataset", load)
    line = refused(call, tmp_path, "--methods", "zosa", "--only", "minilm-sst2")
    assert line.startswith("stanfordnlp/sst2: this data set cannot be loaded (no route to the hub)")


def test_methods_alone_run_nothing(call: Any) -> None:
    called = call("suite", "--methods", "zosa")
    assert called.code == 2
    assert called.err == "error: --methods: must stand after run, but run is missing; write zostudy suite run\n"
