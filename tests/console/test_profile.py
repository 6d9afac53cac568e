"""A profiled run shows its phases and writes Ray's timeline beside the results."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import ray

from zostudy.console.process_times import KINDS
from zostudy.console.profile import profiled
from zostudy.results.storage import Storage


def test_a_run_that_is_not_profiled_has_no_callback(tmp_path: Path) -> None:
    with profiled(Storage.at(tmp_path), wanted=False) as callbacks:
        assert callbacks == []
        assert "RAY_PROFILING" not in os.environ


def test_phases_follow_the_hooks_and_the_timeline_is_ray_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    events = [{"name": "score", "ph": "X", "ts": 1.0, "dur": 2.0}]
    monkeypatch.setattr(ray, "timeline", lambda: events)
    progress: Any = None
    with caplog.at_level(logging.INFO), profiled(Storage.at(tmp_path), wanted=True) as [profile]:
        assert os.environ["RAY_PROFILING"] == "1"
        profile.on_phase("starting Ray")
        _work(0.06)
        profile.on_study_start(progress, 2)
        _work(0.06)
        profile.on_study_end(progress)
    assert "RAY_PROFILING" not in os.environ
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == ["Wall and processor seconds:", lines[1]]
    assert lines[1].split() == ["phase", "wall", "s", "CPU", "s", *KINDS]
    shown = [line[: len("reading the data")].strip() for line in lines[2:]]
    assert [name for name in shown if name in ("starting Ray", "search")] == ["starting Ray", "search"]
    total = next(line for line in lines if line.startswith("all "))
    cpu, driver, *others = map(float, total.split()[2:])
    assert driver >= 0.1
    assert cpu == pytest.approx(driver + sum(others), abs=0.3)  # each is rounded to a tenth
    assert lines[-1].startswith(f"Ray's timeline: {tmp_path / 'timeline.json'}; ")
    assert json.loads((tmp_path / "timeline.json").read_text()) == events


def _work(seconds: float) -> None:
    import time

    began = time.process_time()
    while time.process_time() - began < seconds:
        pass
