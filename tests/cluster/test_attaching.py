"""What a user is told of a cluster that cannot be attached to."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from ray._private.utils import check_version_info

from zostudy.cluster import attaching
from zostudy.cluster.attaching import attach
from zostudy.errors import ZostudyError


@pytest.mark.parametrize("listening", [False, True])
def test_an_address_that_does_not_answer_is_refused_soon(monkeypatch: pytest.MonkeyPatch, listening: bool) -> None:
    monkeypatch.setattr(attaching, "PATIENCE_SECONDS", 1.0)
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        if listening:  # but never says a word
            port.listen()
        address = f"127.0.0.1:{port.getsockname()[1]}"
        with pytest.raises(ZostudyError, match=f"must listen at --address, but {address} does not answer .*; check"):
            attach(address)


def test_another_version_of_ray_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        check_version_info({"ray_version": "2.1.0", "python_version": "3.9.1"}, "node 10.0.0.1:6379")

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ZostudyError, match=r"but auto runs Ray 2\.1\.0 and Python 3\.9\.1, and this is Ray 2"):
        attach("auto")


def test_a_machine_that_is_no_node_is_told_to_submit(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise RuntimeError("No node info found matching attributes: ''")  # Ray's words

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ZostudyError, match=r"on a node of the cluster at auto, .* or use zostudy submit"):
        attach("auto")


def test_a_token_that_is_not_there_is_told_before_ray_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ZostudyError, match="RAY_AUTH_MODE=token wants a token, but there is none; set RAY_AUTH_TOKEN"):
        attach("127.0.0.1:1")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-secret in-two")
    with pytest.raises(ZostudyError, match=r"that of RAY_AUTH_TOKEN is not") as refused:
        attach("127.0.0.1:1")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "10.0.0.1", "http://10.0.0.1:8265"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(ZostudyError, match=f"--address must be HOST:PORT .* but is {address}; give the head's"):
        attach(address)
