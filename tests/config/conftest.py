from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt

from zostudy.methods import Method, MethodOptions, Step, registry

SECTIONS = {
    "name": "name: trial-run",
    "model": "model: {name: mini-roberta}",
    "task": "task: {name: reviews}",
    "methods": "methods: [climb, {hop: {method: climb}}]",
}


@dataclass(frozen=True, kw_only=True)
class ClimbOptions(MethodOptions):
    rate: Annotated[float, Gt(0)] = 0.5
    queries_per_step: Annotated[int, Ge(1)] = 4
    shape: Literal["round", "square"] = "round"
    greedy: bool = False


class Climb(Method):
    """A method whose options and step cost these tests know."""

    name = "climb"
    Options = ClimbOptions
    options: ClimbOptions

    @property
    def step_cost(self) -> int:
        return self.options.queries_per_step

    def step(self) -> Step:
        raise AssertionError("these tests load studies and run none")


@pytest.fixture(autouse=True)
def climb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._METHODS, "climb", Climb)


@pytest.fixture
def write_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes study.yaml, a section a line: name, model, task, methods, then any more; moves beside it."""

    def write(**sections: str | None) -> str:
        lines = [line for line in (SECTIONS | sections).values() if line is not None]
        (tmp_path / "study.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        return "study.yaml"

    return write
