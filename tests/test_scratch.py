from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from zostudy.scratch import PREFIX, ScratchFolder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def _left_by_a_killed_process() -> None:
    script = "import os, zostudy.scratch as s; f = s.ScratchFolder(); open(f.name + '/a', 'w'); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9


def _make_old(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_a_folder_lasts_as_long_as_it_is_wanted(temporary: Path) -> None:
    with ScratchFolder() as folder:
        assert Path(folder).parent == temporary
        (Path(folder) / "file").touch()
    assert not list(temporary.iterdir())


def test_what_a_killed_process_has_left_is_removed_by_the_next(temporary: Path) -> None:
    _left_by_a_killed_process()
    [left] = temporary.iterdir()
    with ScratchFolder():
        assert left.exists()  # it is young
    _make_old(left)
    with ScratchFolder() as folder:
        assert [*temporary.iterdir()] == [Path(folder)]


def test_the_folders_of_the_living_and_what_others_left_stay(temporary: Path) -> None:
    others, link = temporary / "others", temporary / f"{PREFIX}link"
    others.mkdir()
    (others / "file").touch()
    link.symlink_to(others)
    with ScratchFolder() as first:
        for path in (others, Path(first)):
            _make_old(path)
        os.utime(link, (0, 0), follow_symlinks=False)
        with ScratchFolder() as second:
            assert {*temporary.iterdir()} == {others, link, Path(first), Path(second)}
        assert (others / "file").exists()


def test_a_file_system_without_locks_is_good_enough(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with ScratchFolder() as first:
        _make_old(Path(first))
        with ScratchFolder():
            assert Path(first).exists()
    assert not list(temporary.iterdir())
