"""``zostudy doctor``: a line for each check, and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zostudy.bench import doctor


def test_the_command_prints_a_line_for_each_check(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.01)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    shown = call("doctor", "--results", tmp_path)
    assert [line.split()[0] for line in shown.out.splitlines()].count("error") == shown.code
    assert "mini-roberta scores" in shown.out.splitlines()[-1]
    monkeypatch.setattr(doctor, "available_memory", lambda: 0)
    assert call("doctor", "--results", tmp_path).code == 1
