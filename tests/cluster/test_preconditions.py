"""What a Ray of this machine needs: each lack is told before Ray is started, with what to set."""

from __future__ import annotations

import os
import resource
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from zostudy.cluster.preconditions import LONGEST_SOCKET, check_ray_can_start
from zostudy.errors import ZostudyError


@pytest.fixture(autouse=True)
def a_good_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/tmp")


def test_a_good_machine_passes() -> None:
    check_ray_can_start()


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_with_a_long_path_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/tmp/" + "a" * 110)
    with pytest.raises(ZostudyError, match=f"{variable} has 115 "):
        check_ray_can_start()


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
@pytest.mark.parametrize("folder", [".", "scratch"])
def test_a_relative_folder_is_refused(
    variable: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, folder)
    with pytest.raises(ZostudyError, match=f"absolute path .*, but {variable} is {folder}; set {variable} to one"):
        check_ray_can_start()
    assert not list(tmp_path.iterdir())


def test_the_longest_folder_leaves_room_for_a_socket_of_ray() -> None:
    """Ray names a session by its time and process number, and puts sockets into it."""
    longest = "a" * 39
    socket = f"/{longest[1:]}/ray/session_2026-11-28_03-40-22_936757_4194304/sockets/plasma_store"
    assert len(socket) == LONGEST_SOCKET


def test_a_folder_that_takes_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Path("/tmp") / f"zostudy-{os.getpid()}"
    short.write_text("a file, no folder")
    try:
        monkeypatch.setenv("TMPDIR", str(short))
        with pytest.raises(ZostudyError, match=r"takes no file \(File exists\)"):
            check_ray_can_start()
    finally:
        short.unlink()


def test_a_folder_without_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 2**30 - 2**20, 2**20))
    with pytest.raises(ZostudyError, match="has 1 MiB free of the 64 that it takes"):
        check_ray_can_start()


def test_a_limit_on_address_space_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**30, resource.RLIM_INFINITY))
    with pytest.raises(ZostudyError, match=r"ulimit -v allows 1\.0; raise the limit: ulimit -v unlimited"):
        check_ray_can_start()
