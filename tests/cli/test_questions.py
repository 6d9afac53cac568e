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
ANSWERS = {
    "imbalance-cause-*": "Friedman's test over 12 blocks, p < 0.001",
    "flatness-*": "zosa-0      train_loss",
    "real-text-*": "Friedman's test over 7 blocks",
    "what-search-buys-*": "test_auc against zosa-defaults: mean difference",
    "what-search-buys-llama": "zosa-defaults",
    "budget-*": "Of the way from untuned to white-box in test_auc at budget 100: bpt-fzg 85%",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_question_is_answered(command: str, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "400")
    words = shlex.split(command)
    asked = next(word for word in words if word.startswith("results/reference/"))
    expanded = [
        part for word in words for part in (sorted(map(str, Path().glob(word))) if word.endswith("-*") else [word])
    ]
    called = call(*expanded)
    assert (called.code, ANSWERS[Path(asked).name] in called.out) == (0, True), called.out


def test_each_of_the_six_questions_has_a_command() -> None:
    assert {Path(word).name for command in COMMANDS for word in command.split() if "/" in word} == ANSWERS.keys()
    assert len(COMMANDS) == 7
