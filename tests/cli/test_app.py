from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import zostudy

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_version_is_that_of_the_project(call: Any) -> None:
    called = call("--version")
    assert (called.code, called.out) == (0, f"zostudy {PROJECT['version']}\n")
    assert zostudy.__version__ == PROJECT["version"]
