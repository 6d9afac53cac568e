"""The commands that results/README.md shows under "Ask it yourself" give the answers that it tells of."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
SECTION = RESULTS.split("## Ask it yourself\n")[1].split("\n## ")[0]
COMMANDS = [
    command.replace("\\\n", " ")
    for block in re.findall(r"```sh\n(.*?)```", SECTION, flags=re.DOTALL)
    for command in re.findall(r"^zostudy (.*(?:\n .*)*)", block, flags=re.MULTILINE)
]
ANSWERS = [
    ["Friedman's test over 12 blocks, p < 0.001", "auc-stratified 2.6"],
    ["zosa-0 sharpness", "zosa-0 train_loss", "Compare sharpness at equal"],
    ["Friedman's test over 7 blocks", "bpt-fzg 2.5 (1.9, 3.1) a"],
    ["test_auc against zosa-defaults: mean difference"],
    ["mini-gpt2 zosa 10.0 0.932 0.918 23.6 0.155 0.801 247", "mini-llama zosa 50.0 0.954 0.975 27.6"],
    ["Of the way from untuned to white-box in test_auc at budget 100: bpt-fzg 89%"],
    ["natural 1.0 1.0", "natural 100.0 -0.5", "stratified 100.0 0.77", "weighted 50.0 0.87"],
]
"""What is in the answer of each command."""


@pytest.mark.parametrize(("command", "answers"), [*zip(COMMANDS, ANSWERS, strict=True)])
def test_a_question_is_answered(
    command: str, answers: list[str], call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "400")
    expanded = [
        part
        for word in shlex.split(command)
        for part in (sorted(map(str, Path().glob(word))) if word.endswith("-*") else [word])
    ]
    called = call(*expanded)
    assert called.code == 0, called.out
    printed = " ".join(called.out.split())
    assert [answer for answer in answers if answer not in printed] == [], called.out


def test_each_of_the_six_questions_has_a_command() -> None:
    assert len(re.findall(r"^[A-Z].*\?", SECTION, flags=re.MULTILINE)) == 6
