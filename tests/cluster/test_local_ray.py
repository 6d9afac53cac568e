from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import grpc
import pytest
import requests

from zostudy.cluster.connecting import connected
from zostudy.cluster.local_ray import read_token_settings
from zostudy.errors import ZostudyError

METHODS = [
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.CoreWorkerService/GetCoreWorkerStats",
    "/ray.rpc.ObjectManagerService/FreeObjects",
    "/ray.rpc.ReporterService/GetTraceback",
]
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
REFUSED = {"UNAUTHENTICATED", "UNIMPLEMENTED", "UNAVAILABLE"}


@pytest.mark.ray
def test_a_ray_of_this_machine_keeps_to_itself(
    descendants: Callable[[str], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One start for all of it: servers, token, working directory, environment, and how this process ends."""
    import ray

    (tmp_path / "scratch_of_the_tests.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder])
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the-users-own")
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    before, others = dict(os.environ), {*descendants("")}  # other tests of this process may share a Ray
    of_others = {*_listening([os.getpid()])}
    try:
        with connected(None, 1, shared_bytes=0):

            @ray.remote
            def of_a_worker() -> tuple[bool, int, str | None]:
                token = os.environ.get("RAY_AUTH_TOKEN")
                return find_spec("scratch_of_the_tests") is None, len(token or ""), os.environ.get("RAY_AUTH_MODE")

            assert ray.get(of_a_worker.remote()) == (True, 64, "token")
            own = [path for path in descendants("") if path not in others]
            found = _listening([os.getpid(), *(int(path.name) for path in own)])
            servers = [server for server in found if server not in of_others]
            assert len(servers) >= 6
            assert {address for address, _ in servers} <= LOOPBACK
            answers = {port: _ask(port) for _, port in servers}
            assert not [port for port, answer in answers.items() if answer - REFUSED]
            assert sum("UNAUTHENTICATED" in answer for answer in answers.values()) >= 5
            assert os.getpgrp() not in {os.getpgid(int(path.name)) for path in own}  # whose signals may be for us alone
            commands = [(path / "cmdline").read_text() for path in own]
            assert any("log_monitor.py" in command for command in commands)
            assert not [c for c in commands if "dashboard/dashboard.py" in c or "autoscaler/_private/monitor.py" in c]
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, handler)
    differing = {name for name in before.keys() | os.environ.keys() if before.get(name) != os.environ.get(name)}
    monkeypatch.undo()
    read_token_settings()  # else the next test's Ray is started with a token, and asked without one
    assert differing <= {"PYTHONBREAKPOINT"}  # Ray's own doing


def _listening(processes: list[int]) -> list[tuple[str, int]]:
    """Returns addresses and ports of the sockets on which these processes listen."""
    sockets = set()
    for descriptor in (path for pid in processes for path in Path(f"/proc/{pid}/fd").glob("*")):
        with suppress(OSError):
            sockets.add(os.readlink(descriptor))
    found = []
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                address, port = words[1].split(":")
                numbers = b"".join(bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8))
                found.append((socket.inet_ntop(family, numbers), int(port, 16)))
    return found


def _ask(port: int) -> set[str]:
    """Returns what a server answers to requests without a token, by gRPC or, where it speaks that, by HTTP."""
    answers = set()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for method in METHODS:
            call = channel.unary_unary(method, lambda request: request, lambda answer: answer)
            try:
                call(b"", timeout=5)
                answers.add("an answer")
            except grpc.RpcError as error:
                answers.add(error.code().name)
    if answers == {"UNAVAILABLE"}:
        answer = requests.get(f"http://127.0.0.1:{port}/logs/", timeout=5)
        answers.add("UNAUTHENTICATED" if answer.status_code == 401 else f"HTTP {answer.status_code}")
    return answers


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (
            "[Errno 28] No space left on device: '/tmp/ray'",
            "make room for temporary files, or set TMPDIR",
        ),
        ("The configured object store size (9 GB) exceeds /dev/shm size (1 GB).", "make /dev/shm larger"),
        ("The current node timed out during startup.", "ease the load on this machine"),
    ],
)
def test_a_ray_that_does_not_start_is_told_with_what_helps(
    monkeypatch: pytest.MonkeyPatch, reason: str, remedy: str
) -> None:
    def init(**_: object) -> None:
        os.environ["PYTHONBREAKPOINT"] = "ray.util.rpdb._driver_set_trace"  # as Ray does, and leaves it
        raise RuntimeError(reason)

    monkeypatch.setattr("ray.init", init)
    before = dict(os.environ)
    with pytest.raises(ZostudyError) as refused:
        _connect()
    assert refused.value.got == f"did not ({reason})"
    assert refused.value.remedy.startswith(remedy)
    assert dict(os.environ) == before


@pytest.mark.parametrize(("reason", "tries"), [("The current node timed out.", 3), ("No space left on device", 1)])
def test_a_ray_that_comes_up_too_late_is_started_again(
    monkeypatch: pytest.MonkeyPatch, reason: str, tries: int
) -> None:
    calls = []

    def init(**_: object) -> None:
        calls.append(1)
        raise RuntimeError(reason)

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ZostudyError):
        _connect()
    assert len(calls) == tries


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("No space left on device")])
def test_what_has_come_up_of_ray_is_ended_where_its_start_is_interrupted_or_fails(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    calls: list[str] = []

    def init(**_: object) -> None:
        calls.append("init")
        raise error

    monkeypatch.setattr("ray.init", init)
    monkeypatch.setattr("ray.shutdown", lambda: calls.append("shutdown"))
    with pytest.raises((KeyboardInterrupt, ZostudyError)):
        _connect()
    assert calls == ["init", "shutdown"]


def _connect() -> None:
    with connected(None, 1, shared_bytes=0):
        pass
