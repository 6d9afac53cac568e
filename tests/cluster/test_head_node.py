"""A head that misbehaves, played by a server of this process."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import ray
from aiohttp import ClientError

from zostudy.cluster import head_node
from zostudy.cluster.head_node import HeadNode, NotThereError
from zostudy.cluster.local_ray import read_token_settings
from zostudy.errors import ZostudyError

VERSION = (200, json.dumps({"version": "4", "ray_version": ray.__version__}))
NO_AGENT = (500, "No available agent to submit job, please try again later.")
RESET = (0, "")


class FakeHead(ThreadingHTTPServer):
    """Gives each path's answers (status, body) in turn, the last one again and again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.answers: dict[str, list[tuple[int, str]]] = {"/api/version": [VERSION]}
        self.authorizations: list[str | None] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stays silent where a connection was broken off on purpose."""


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        head: Any = self.server
        head.authorizations.append(self.headers["Authorization"])
        answers = head.answers.get(self.path, [(404, "not found")])
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if status == 0:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    read_token_settings()  # of a Ray that an earlier test started in this process


@pytest.fixture
def fake() -> Iterator[FakeHead]:
    server = FakeHead()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fault(address: str, patience: float = 60.0) -> str:
    with pytest.raises(ZostudyError) as refused:
        HeadNode(address, patience)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("head:8265", "'head:8265'"),
        ("ray://head:10001", "'ray://head:10001'"),
        ("http://", "'http://'"),
        ("http://head:dashboard", "'http://head:dashboard'"),
        ("https://me:secret@head:8265", "'https://...@head:8265'"),
    ],
)
def test_an_address_must_be_that_of_a_dashboard(address: str, shown: str) -> None:
    told = fault(address)
    assert told.startswith("`address` must be the http or https address of the head's dashboard")
    assert f"but got {shown}; give it as http://HEAD:8265" in told
    assert "secret" not in told


def test_where_nothing_listens_the_user_learns_it_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert fault(address) == (
            f"a Ray dashboard must answer at `address`, but none does at {address} (Connection refused); "
            "check the address, and that the head runs, with ray[default] installed"
        )


@pytest.mark.parametrize("answer", [(200, "hello"), (404, "no such page"), (200, "[]"), (302, "")])
def test_something_else_than_a_dashboard_is_recognised(fake: FakeHead, answer: tuple[int, str]) -> None:
    fake.answers["/api/version"] = [answer]
    assert "but something else does at" in fault(fake.address)


def test_something_that_does_not_speak_http_is_recognised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"\x00\x00\x18\x04 no http\r\n\r\n")
            connection.close()

        thread = Thread(target=answer)
        thread.start()
        assert "but something else does at" in fault(f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()


def test_a_token_that_is_wanted_and_missing(fake: FakeHead, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.answers["/api/version"] = [(401, "Unauthorized")]
    remedy = "set RAY_AUTH_TOKEN to the cluster's token, or RAY_AUTH_TOKEN_PATH to a file that holds it"
    wanted = f"the cluster at {fake.address} wants a token (401), but"
    assert fault(fake.address) == f"{wanted} none was sent; {remedy}"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "something")
    assert fault(fake.address) == f"{wanted} RAY_AUTH_MODE=disabled forbids to send one; unset it, and {remedy}"
    assert fake.authorizations == [None, None]


def test_a_token_that_is_wrong_is_told_by_its_place_alone(fake: FakeHead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-secret")
    fake.answers["/api/version"] = [(403, "Forbidden")]
    told = fault(fake.address)
    assert told.startswith(f"the cluster at {fake.address} refuses the token of RAY_AUTH_TOKEN; set RAY_AUTH_TOKEN")
    assert "a-secret" not in told
    assert fake.authorizations == ["Bearer a-secret"]


def test_a_token_that_is_refused_later_is_told_alike(fake: FakeHead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-secret")
    fake.answers["/api/jobs/"] = [(403, "Forbidden: Invalid authentication token")]
    head = HeadNode(fake.address)
    with pytest.raises(ZostudyError, match="refuses the token of RAY_AUTH_TOKEN; set RAY_AUTH_TOKEN"):
        head.ask(lambda client: client.list_jobs())
    assert set(fake.authorizations) == {"Bearer a-secret"}


def test_what_passes_is_waited_for_and_told_once(fake: FakeHead, logged: list[str]) -> None:
    fake.answers["/api/version"] = [(503, ""), RESET, VERSION]
    head = HeadNode(fake.address)
    assert head.ray_version == ray.__version__
    assert len(logged) == 1
    assert "503" in logged[0]
    assert logged[0].endswith("; trying again for 60 seconds")


def test_a_cluster_without_a_job_agent_is_waited_for(fake: FakeHead, logged: list[str]) -> None:
    fake.answers["/api/jobs/"] = [NO_AGENT, NO_AGENT, (200, "[]")]
    head = HeadNode(fake.address)
    assert head.ask(lambda client: client.list_jobs()) == []
    assert logged == [f"{fake.address}: it has no job agent yet; trying again for 60 seconds"]


def test_a_cluster_that_never_gets_a_job_agent_is_given_up(fake: FakeHead) -> None:
    fake.answers["/api/jobs/"] = [NO_AGENT]
    head = HeadNode(fake.address, patience=0.2)
    with pytest.raises(ZostudyError) as given_up:
        head.ask(lambda client: client.list_jobs())
    assert str(given_up.value) == (
        f"the head at {fake.address} does not do as asked (it has no job agent yet); "
        "give the cluster time to start; else the head's dashboard_agent.log says why it did not start"
    )


def test_an_error_that_stays_is_told_by_the_last_line_of_its_traceback(fake: FakeHead, logged: list[str]) -> None:
    fake.answers["/api/jobs/"] = [(400, "Traceback (most recent call last):\n  File x\nValueError: no such thing\n")]
    head = HeadNode(fake.address)
    with pytest.raises(ZostudyError, match=r"does not do as asked \(ValueError: no such thing\); the head's dashboard"):
        head.ask(lambda client: client.list_jobs())
    assert logged == []


def test_what_the_head_does_not_know_is_told_apart(fake: FakeHead, logged: list[str]) -> None:
    head = HeadNode(fake.address)
    with pytest.raises(NotThereError):
        head.ask(lambda client: client.get_job_info("unknown"))
    assert logged == []


def test_another_version_of_ray_is_refused_with_the_command_to_run(fake: FakeHead) -> None:
    head = HeadNode(fake.address)
    head.check_version()
    fake.answers["/api/version"] = [(200, json.dumps({"ray_version": "2.55.1"}))]
    other = HeadNode(fake.address)
    with pytest.raises(ZostudyError) as refused:
        other.check_version()
    assert str(refused.value) == (
        f"a study must be submitted with the cluster's version of Ray, but {fake.address} runs 2.55.1 "
        f"and this machine {ray.__version__}; run here: pip install 'ray[default,tune]==2.55.1'"
    )


def test_the_address_is_the_users_and_not_the_environments(fake: FakeHead, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.answers["/api/jobs/"] = [(200, "[]")]
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    head = HeadNode(fake.address + "/")
    assert head.address == fake.address
    assert head.ask(lambda client: client.list_jobs()) == []
    assert os.environ["RAY_ADDRESS"] == os.environ["RAY_API_SERVER_ADDRESS"] == "http://127.0.0.1:1"


async def _log(end: Exception | None) -> AsyncIterator[str]:
    yield "one\n"
    yield "tw"
    if end is not None:
        raise end
    await asyncio.sleep(60)


@pytest.mark.parametrize("end", [RuntimeError("closed"), ClientError("refused"), OSError("gone"), None])
def test_a_log_is_given_as_long_as_its_connection_holds(
    fake: FakeHead, monkeypatch: pytest.MonkeyPatch, end: Exception | None
) -> None:
    monkeypatch.setattr(head_node, "SILENT_LOG_SECONDS", 0.1)
    head = HeadNode(fake.address)
    monkeypatch.setattr(head._client, "tail_job_logs", lambda job_id: _log(end))
    assert [*head.tail("job")] == ["one\n", "tw"]


def test_a_head_that_gives_no_log_ends_it(fake: FakeHead) -> None:
    assert [*HeadNode(fake.address).tail("job")] == []
