from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from zostudy.bench.doctor import (
    Check,
    check_cpus,
    check_disk,
    check_hub,
    check_memory,
    check_shared_memory,
    check_threads,
    check_token,
    explained,
)
from zostudy.errors import ModelError
from zostudy.machine import GIB


class _Hub(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("check", "level"),
    [
        (check_cpus(4, 8), "ok"),
        (check_cpus(1, 1), "ok"),
        (check_cpus(1, 8), "warning"),
        (check_threads(2, 2), "ok"),
        (check_threads(8, 2), "warning"),
        (check_memory(None), "ok"),
        (check_memory(8 * GIB), "ok"),
        (check_memory(3 * GIB), "warning"),
        (check_memory(GIB), "error"),
    ],
)
def test_what_is_not_well_has_a_remedy(check: Check, level: str) -> None:
    assert check.level == level
    assert bool(check.remedy) == (level != "ok")


@pytest.mark.parametrize(("free", "level"), [(10 * GIB, "ok"), (GIB, "warning"), (2**20, "error")])
def test_disks_are_judged_by_their_free_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, level: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": free, "total": free}))
    assert check_disk("results", tmp_path / "not" / "made" / "yet").level == level
    assert check_shared_memory(tmp_path).level == ("warning" if level == "error" else "ok")


def test_a_folder_that_cannot_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.access", lambda folder, mode: False)
    assert check_disk("results", tmp_path).level == "error"


def test_a_file_is_no_folder_for_results(tmp_path: Path) -> None:
    file = tmp_path / "results"
    file.touch()
    for folder in (file, file / "study"):
        assert check_disk("results", folder) == Check("results", "error", f"{file} is no folder", "name another one")


def test_a_system_without_shared_memory_is_well(tmp_path: Path) -> None:
    assert check_shared_memory(tmp_path / "none").level == "ok"


def test_the_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret-token")
    assert check_token() == Check("cluster token", "ok", "from RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret token")
    assert check_token().level == "error"
    assert "secret" not in check_token().found


def test_the_hub_answers_does_not_or_is_not_asked(hub: str) -> None:
    assert check_hub({"HF_ENDPOINT": hub}) == Check("hub", "ok", f"{hub} answers")
    assert check_hub({"HF_ENDPOINT": "http://127.0.0.1:9"}).level == "warning"
    assert check_hub({"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}).level == "ok"


def test_a_fault_is_an_error_with_its_remedy() -> None:
    def broken() -> str:
        raise ModelError("the model must load", got="did not", remedy="mend it")

    assert explained("probe", broken, "") == Check("probe", "error", "the model must load, but did not", "mend it")
    assert explained("Ray", lambda: None, "may start") == Check("Ray", "ok", "may start")
