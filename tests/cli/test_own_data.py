"""``zostudy inspect`` and ``zostudy init``, and what a dry run shows of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from zostudy.config.loading import load_study
from zostudy.console.dry_run import bought


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    rows = [f"ham,See you at meeting number {number}" for number in range(96)]
    rows += [f"spam,Win prize {number} now" for number in range(24)]
    path = tmp_path / "mail.csv"
    path.write_text("\n".join(["kind,body", *rows, ""]))
    return path


def test_inspect_tells_in_one_screen_and_in_json(call: Any, mail: Path) -> None:
    told = call("inspect", mail, "--model", "mini-roberta")
    assert told.code == 0
    assert len(told.out.splitlines()) <= 24
    assert told.out.splitlines()[-1] == f"next: zostudy init {mail} --model mini-roberta"
    chosen = call("inspect", mail, "--label", "kind", "--template", "{text} {mask}.").out.splitlines()
    assert chosen[-1] == f"next: zostudy init {mail} --label kind --template '{{text}} {{mask}}.'"
    assert "name a model with --model, such as mini-roberta" in call("inspect", mail).out
    facts = json.loads(call("inspect", mail, "--format", "json").out)
    assert [each["rows"] for each in facts["classes"]] == [96, 24]
    heading, *rows = call("inspect", mail, "--format", "csv").out.splitlines()
    assert heading.startswith("name,rows")
    assert len(rows) == 2


def test_init_writes_a_study_that_a_dry_run_explains(call: Any, mail: Path) -> None:
    study = mail.parent / "mine.yaml"
    made = call("init", mail, "-o", study, "--model", "mini-roberta", "--set", "task.label_words=[good]")
    assert (made.code, made.out) == (2, "")
    assert "task.label_words" in made.err
    made = call("init", mail, "-o", study, "--model", "mini-roberta", "--set", "methods=[spsa]")
    assert (made.code, made.out.splitlines()[0]) == (0, f"study: {study}")
    shown = call("run", study, "--dry-run").out
    cost = 300 // int(shown.split("spsa: 300 queries = ")[1].split()[0])
    assert f"steps of {cost}" in shown
    assert "spsa-natural" in shown
    for name, text in (("ham", "See you at"), ("spam", "Win prize")):
        [line] = [line for line in shown.splitlines() if line.startswith(name) and "[prompt: 10 vectors]" in line]
        assert text in line
    assert "not drawn" not in shown
    mail.write_text(mail.read_text() + "spam,Win prize 1 now\n")
    told = "note: 1 row of train is not drawn: its text repeats, or occurs in test\n"
    assert told in call("run", study, "--dry-run").out
    again = call("init", mail, "-o", study)
    assert (again.code, again.out) == (2, "")
    assert "must be a new file, but it exists; name another with --output" in again.err


def test_init_asks_on_a_terminal_for_what_is_not_given(call: Any, mail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def answer(question: str, default: str) -> str:
        asked.append((question, default))
        return "mini-gpt2" if question == "model" else default

    monkeypatch.setattr(typer, "prompt", answer)
    monkeypatch.setattr("zostudy.cli.own_data.on_terminal", lambda: True)
    assert call("init", mail, "-o", mail.parent / "a.yaml", "--text", "body").code == 0
    assert [question for question, _ in asked] == ["label column", "model"]
    assert asked[0] == ("label column", "kind")
    assert load_study(mail.parent / "a.yaml").model.name == "mini-gpt2"


def test_init_asks_nothing_elsewhere(call: Any, mail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> str:
        raise AssertionError("asked")

    monkeypatch.setattr(typer, "prompt", never)
    assert call("init", mail, "-o", mail.parent / "a.yaml", "--model", "mini-roberta").code == 0


def test_what_a_budget_buys() -> None:
    assert bought(300, 6) == "300 queries = 50 steps of 6"
    assert bought(300, 7) == "300 queries = 42 steps of 7 and 6 unspent"
    assert bought(1300, 1300) == "1,300 queries = 1 step of 1,300"


def test_without_a_model_inspect_imports_no_torch(mail: Path) -> None:
    code = (
        "import sys; from zostudy.cli import main; sys.argv = ['zostudy', 'inspect', sys.argv[1]]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'transformers', 'ray'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(mail)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
