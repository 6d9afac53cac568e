"""Ray for one study: a cluster that already runs, or a Ray of this machine that ends with the study."""

from __future__ import annotations

import logging
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import ray

from zostudy.cluster.auth import Token, find_token
from zostudy.cluster.driver_process import QUIET, environment, own_paths, own_sigterm, same_handlers
from zostudy.cluster.local_ray import own_ray, read_token_settings, shutdown_on_error
from zostudy.errors import ZostudyError
from zostudy.machine import usable_cpus
from zostudy.wording import one_line

if TYPE_CHECKING:
    import grpc

PATIENCE_SECONDS = 5.0
"""Requests to a cluster that does not answer are repeated for this long."""


@contextmanager
def connected(address: str | None, cpus: int, shared_bytes: int) -> Iterator[None]:
    """Connects to Ray, and disconnects at the end.

    Args:
        address: of a cluster; None starts Ray on this machine, for this study alone.
        cpus: that replicas take on this machine. A Ray of this machine promises them, whatever the machine has.
        shared_bytes: memory that the replicas of a node will share; a Ray of this machine gets room for it.

    Raises:
        LostRayError: a process of a Ray of this machine died.
        ZostudyError: this process has called ``ray.init``, the cluster cannot be reached, or Ray cannot be started.
    """
    with same_handlers(signal.SIGTERM, signal.SIGUSR1), _connected(address, cpus, shared_bytes):
        yield


@contextmanager
def _connected(address: str | None, cpus: int, shared_bytes: int) -> Iterator[None]:
    if ray.is_initialized():
        raise ZostudyError(
            "a study must start or join Ray itself",
            got="this process has called ray.init",
            remedy="call ray.shutdown() before; `address` names a cluster that the study is to join",
        )
    if address is None:
        with own_ray(max(cpus, usable_cpus()), shared_bytes):
            yield
        return
    with environment(QUIET, keep=True):
        with own_sigterm():
            attach(address)
        try:
            yield
        finally:
            ray.shutdown()
            read_token_settings()


def attach(address: str) -> None:
    """Connects this process to a cluster; ``ray.shutdown`` ends the connection.

    Args:
        address: ``HOST:PORT`` of the head node, or ``auto`` for the cluster that this machine is a node of.

    Raises:
        ZostudyError: the address is malformed, nothing answers there, the token is missing or wrong, or the cluster
            runs another Ray or Python.
    """
    check_address(address)
    token = _token_to_send()
    try:
        with environment({"RAY_AUTH_MODE": "token"} if token else {}):
            _join(address, token)
    except BaseException:
        read_token_settings()  # else this process would want a token of every Ray from now on
        raise


def check_address(address: str) -> None:
    """Checks the form of a cluster's address, before anything takes its time.

    Raises:
        ZostudyError: it is malformed.
    """
    if not re.fullmatch(r"[^/]+:\d+|auto", str(address)):
        raise ZostudyError(
            "`address` must be HOST:PORT of the cluster's head node, or auto",
            got=f"is {address}",
            remedy="give the head's address, such as 10.0.0.1:6379, or use zostudy submit",
        )


def _token_to_send() -> Token | None:
    """Returns the token that the user gave; Ray itself would send none to a named address, unless told to by its mode.

    Raises:
        ZostudyError: RAY_AUTH_MODE wants a token and the user gave none, or the token cannot be sent.
    """
    mode = os.environ.get("RAY_AUTH_MODE")
    wants_token = (mode or "").lower() == "token"
    token = find_token(os.environ, on_this_machine=True)
    if token is None and wants_token:
        raise ZostudyError(
            "RAY_AUTH_MODE=token wants a token",
            got="none is set",
            remedy="set RAY_AUTH_TOKEN to the cluster's, or RAY_AUTH_TOKEN_PATH to a file that holds it",
        )
    is_given = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return token if wants_token or (is_given and mode is None) else None


def _join(address: str, token: Token | None) -> None:
    read_token_settings()
    try:
        if ":" in address:
            _ask_head(address, token)
        with shutdown_on_error():
            ray.init(address=address, job_config=own_paths(), logging_level=logging.ERROR, log_to_driver=True)
    except ray.exceptions.AuthenticationError:
        raise _refused(address, token) from None
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise _not_joined(address, error) from error


def _ask_head(address: str, token: Token | None) -> None:
    """Asks the head node for something harmless, before Ray does.

    Ray would ask a silent head for minutes and a head that refuses the token for twenty seconds, with a warning each
    second, and then say only that it failed to connect (measured with 2.60).
    """
    import grpc
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

    metadata = [("authorization", token.header)] if token else []

    def ask() -> None:
        with _channel(address) as channel:
            get_cluster_id = channel.unary_unary("/ray.rpc.NodeInfoGcsService/GetClusterId")
            get_cluster_id(b"", timeout=PATIENCE_SECONDS, metadata=metadata)

    def is_transient(error: BaseException) -> bool:
        return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.UNAVAILABLE

    retrying = Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_delay(PATIENCE_SECONDS),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    try:
        retrying(ask)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise _refused(address, token) from None
        reason = one_line(error.details(), 200)
        raise ZostudyError(
            "a Ray cluster must listen at `address`",
            got=f"{address} does not answer ({reason})",
            remedy="check the address and its port (6379 unless it was set), or leave it out to run on this machine",
        ) from None


def _channel(address: str) -> grpc.Channel:
    """Returns a channel, encrypted if the user has set Ray's variables for TLS."""
    import grpc

    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
        return grpc.insecure_channel(address)
    certificate, key, authority = (
        _read(os.environ.get(f"RAY_TLS_{name}")) for name in ("SERVER_CERT", "SERVER_KEY", "CA_CERT")
    )
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(authority, key, certificate))


def _read(path: str | None) -> bytes | None:
    if not path:
        return None
    with open(path, "rb") as file:
        return file.read()


def _refused(address: str, token: Token | None) -> ZostudyError:
    if token is not None:
        return ZostudyError(
            f"the cluster at {address} refuses the token of {token.source}",
            remedy="set RAY_AUTH_TOKEN to the cluster's own",
        )
    return ZostudyError(
        f"the cluster at {address} wants a token",
        got="none was sent",
        remedy="set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH",
    )


def _not_joined(address: str, error: Exception) -> ZostudyError:
    reason = one_line(error)
    if versions := re.findall(r"Ray: (\S+) Python: (\S+)", reason):
        theirs, ours = (f"Ray {ray} and Python {python}" for ray, python in versions)
        return ZostudyError(
            "the cluster must run the same Ray and Python as this process",
            got=f"{address} runs {theirs}, and this is {ours}",
            remedy="install the cluster's versions here, or use zostudy submit",
        )
    if "node info" in reason:
        return ZostudyError(
            f"zostudy run must be started on a node of the cluster at {address}",
            got="this machine is not one",
            remedy="run it on one, or use zostudy submit",
        )
    return ZostudyError(
        f"no Ray cluster can be joined at {address} ({reason[:200]})",
        remedy="check `address`, and the head node's logs",
    )
