"""Where Ray's own words go: into a file beside the results, never to standard output."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray

from zostudy.cluster.ray_log import RAY_LOG_FILE, ray_log
from zostudy.results.storage import Storage

worker: Any = ray._private.worker


def _ray_speaks() -> None:
    """Says something in each way that Ray has."""
    logging.getLogger("ray.tune").error("Trials did not complete: %s", ["a"])
    worker.print_to_stdstream({"lines": ["Raylet is terminated."], "pid": "raylet", "is_err": False}, False)
    worker.print_to_stdstream(
        {"lines": ["\N{SNOWMAN} of a worker"], "pid": 7, "actor_name": "Replica", "is_err": True}, False
    )
    worker.print_to_stdstream({"lines": ["Autoscaler status"], "pid": "autoscaler", "is_err": False}, False)


@pytest.fixture(autouse=True)
def _without_deduplication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.stdout_deduplicator, "deduplicate", lambda output: [output])
    monkeypatch.setattr(worker.stderr_deduplicator, "deduplicate", lambda output: [output])


def _check(text: str) -> None:
    for words in (
        "Trials did not complete: ['a']",
        "(raylet) Raylet is terminated.",
        "(Replica 7) \N{SNOWMAN} of a worker",
    ):
        assert words in text
    assert "\x1b" not in text
    assert "Autoscaler" not in text


def test_what_ray_says_is_written_down(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("ray")
    before = logger.handlers[:], logger.propagate, logger.level, worker.print_worker_logs
    with ray_log(Storage.at(tmp_path)):
        _ray_speaks()
    assert (logger.handlers[:], logger.propagate, logger.level, worker.print_worker_logs) == before
    _check((tmp_path / RAY_LOG_FILE).read_text(encoding="utf-8"))
    assert capfd.readouterr() == ("", "")


def test_nothing_said_makes_no_file(tmp_path: Path) -> None:
    with ray_log(Storage.at(tmp_path)):
        pass
    assert not [*tmp_path.iterdir()]


def test_what_cannot_be_written_is_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ray_log(Storage.at(tmp_path / "missing")):
        _ray_speaks()
    with ray_log(None):
        _ray_speaks()
    assert capfd.readouterr() == ("", "")


def test_an_object_store_gets_the_file_at_the_end(s3_uri: Callable[[str], str]) -> None:
    storage = Storage.at(s3_uri("spoken"))
    with ray_log(storage):
        _ray_speaks()
    _check(storage.read(RAY_LOG_FILE).decode())
