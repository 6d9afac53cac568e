from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from zostudy.errors import ResultsError
from zostudy.results.lease import LEASE_FILE, is_held, lease
from zostudy.results.storage import Storage

HOLD = """
import sys, time
from collections.abc import Iterator
from pathlib import Path
from zostudy.results.lease import lease
with lease(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "study")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_driver_is_refused_while_the_first_lives(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    held = pytest.raises(ResultsError, match=f"is held by process {holder.pid} on .* since ")
    with held as refused, lease(tmp_path / "study"):
        pass
    assert "\n" not in str(refused.value)


def test_a_look_at_the_moment_of_a_start_does_not_refuse_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lease(tmp_path):
        pass
    look = (tmp_path / LEASE_FILE).open("rb")
    fcntl.flock(look, fcntl.LOCK_SH)
    monkeypatch.setattr("zostudy.results.lease.time.sleep", lambda seconds: look.close())
    with lease(tmp_path):
        assert is_held(Storage.at(tmp_path))


def test_a_killed_driver_leaves_nothing_locked(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with lease(tmp_path / "study"):
        assert (tmp_path / "study").is_dir()


def test_what_was_held_can_be_held_again_and_two_studies_at_once(tmp_path: Path) -> None:
    for _ in range(2):
        with lease(tmp_path / "one"), lease(tmp_path / "two"):
            pass


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="must be writable"), lease(tmp_path / "file" / "study"):
        pass


@pytest.mark.parametrize("kind", ["link", "dangling", "hard", "pipe"])
def test_a_lock_that_is_no_file_of_its_own_is_refused_and_not_followed(tmp_path: Path, kind: str) -> None:
    precious, lock = tmp_path / "precious", tmp_path / "study" / ".lease"
    lock.parent.mkdir()
    precious.write_text("mine")
    if kind == "pipe":
        os.mkfifo(lock)
    elif kind == "hard":
        os.link(precious, lock)
    else:
        lock.symlink_to(precious if kind == "link" else tmp_path / "none")
    with (
        pytest.raises(ResultsError, match=r"must be a file of its own, but .*\.lease is none; remove it"),
        lease(lock.parent),
    ):
        pass
    assert precious.read_text() == "mine"
    assert not (tmp_path / "none").exists()


def test_a_full_disk_is_not_told_here_but_where_results_are_written(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        with lease(tmp_path / "study"):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
    assert (tmp_path / "study" / ".lease").read_bytes() == b""
