"""What a user is told of a cluster that cannot be attached to."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from ray._private.utils import check_version_info
from ray._raylet import AuthenticationMode, get_authentication_mode  # type: ignore[attr-defined]

from zostudy.cluster import connecting
from zostudy.cluster.connecting import attach, connected
from zostudy.errors import ZostudyError


@pytest.mark.slow
@pytest.mark.parametrize("listening", [False, True])
def test_an_address_that_does_not_answer_is_refused_soon(monkeypatch: pytest.MonkeyPatch, listening: bool) -> None:
    monkeypatch.setattr(connecting, "PATIENCE_SECONDS", 1.0)
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        if listening:  # but never says a word
            port.listen()
        address = f"127.0.0.1:{port.getsockname()[1]}"
        with pytest.raises(ZostudyError) as refused:
            attach(address)
        assert refused.value.rule == "a Ray cluster must listen at `address`"
        assert refused.value.got.startswith(f"{address} does not answer (")


class Refusing(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A head that wants a token; it records what it receives."""

    def __init__(self) -> None:
        self.authorizations: list[Any] = []

    def service(self, handler_call_details: Any) -> Any:
        self.authorizations.append(dict(handler_call_details.invocation_metadata).get("authorization"))

        def refuse(request: Any, context: Any) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.mark.parametrize("token", [None, "a-secret"])
def test_a_token_that_is_missing_or_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    if token:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    server, head = grpc.server(ThreadPoolExecutor(1)), Refusing()
    server.add_generic_rpc_handlers((head,))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with pytest.raises(ZostudyError) as refused:
        attach(address)
    server.stop(None)
    assert head.authorizations == [token and f"Bearer {token}"]
    assert str(refused.value).startswith(f"the cluster at {address} {'refuses the token of' if token else 'wants a'}")
    assert "a-secret" not in str(refused.value)
    assert get_authentication_mode() == AuthenticationMode.DISABLED, "another Ray would be asked with a token"


def test_another_version_of_ray_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        check_version_info({"ray_version": "2.1.0", "python_version": "3.9.1"}, "node 10.0.0.1:6379")

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ZostudyError) as refused:
        attach("auto")
    assert refused.value.got.startswith("auto runs Ray 2.1.0 and Python 3.9.1, and this is Ray 2")


def test_a_machine_that_is_no_node_is_told_to_submit(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise RuntimeError("No node info found matching attributes: ''")  # Ray's words

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ZostudyError) as refused:
        attach("auto")
    assert "must be started on a node of the cluster at auto" in refused.value.rule


def test_a_token_that_is_not_there_is_told_before_ray_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ZostudyError) as refused:
        attach("127.0.0.1:1")
    assert refused.value.rule == "RAY_AUTH_MODE=token wants a token"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-secret in-two")
    with pytest.raises(ZostudyError, match=r"that of RAY_AUTH_TOKEN is not") as refused:
        attach("127.0.0.1:1")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("address", [None, "auto", "127.0.0.1:1"])
def test_a_process_that_has_started_ray_itself_is_told_to_end_it(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    with (
        pytest.raises(ZostudyError, match=r"this process has called ray.init; call ray.shutdown\(\) before"),
        connected(address, cpus=1, shared_bytes=0),
    ):
        raise AssertionError("a Ray that is not its own")


def test_a_connection_that_is_interrupted_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def init(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ray.init", init)
    monkeypatch.setattr("ray.shutdown", lambda: calls.append("shutdown"))
    with pytest.raises(KeyboardInterrupt):
        attach("auto")
    assert calls == ["shutdown"]


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "10.0.0.1", "http://10.0.0.1:8265", "local"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(ZostudyError) as refused:
        attach(address)
    assert refused.value.rule.startswith("`address` must be HOST:PORT")
    assert refused.value.got == f"is {address}"
