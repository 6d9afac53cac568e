"""Attaching to a cluster that is there: whether it answers, lets us in, and runs the same Ray."""

from __future__ import annotations

import logging
import os
import re

from zostudy.cluster.access import find_token
from zostudy.cluster.environment import environment
from zostudy.cluster.loopback import read_token_settings
from zostudy.errors import ZostudyError

PATIENCE_SECONDS = 5.0
"""For which a cluster that does not answer is asked again."""


def attach(address: str) -> None:
    """Connects this process to a cluster; ``ray.shutdown`` ends the connection.

    Args:
        address: ``HOST:PORT`` of the head node, or ``auto`` for the cluster that this machine is a node of.

    Raises:
        ZostudyError: the address is none, nothing answers there, the token is missing or wrong, or the cluster runs
            another Ray or Python.
    """
    if not re.fullmatch(r"[^/]+:\d+|auto", address):
        raise ZostudyError(
            f"--address must be HOST:PORT of the cluster's head node, or auto, but is {address}; "
            "give the head's address, such as 10.0.0.1:6379, or use zostudy submit"
        )
    with environment(_token_settings()):
        _join(address)


def _join(address: str) -> None:
    import ray

    from zostudy.cluster.job_paths import OwnPaths

    read_token_settings()
    try:
        if ":" in address:
            _knock(address)
        ray.init(address=address, job_config=OwnPaths(), logging_level=logging.ERROR, log_to_driver=True)
    except ray.exceptions.AuthenticationError:
        raise ZostudyError(_refused(address)) from None
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise ZostudyError(_why_not(address, error)) from error


def _token_settings() -> dict[str, str]:
    """Returns environment variables that make Ray send the user's token; otherwise it sends none to a named address.

    Raises:
        ZostudyError: the cluster wants a token and the user gave none, or the token cannot be sent.
    """
    token = find_token(os.environ, on_this_machine=True)
    mode = os.environ.get("RAY_AUTH_MODE")
    if token is None and (mode or "").lower() == "token":
        raise ZostudyError(
            "RAY_AUTH_MODE=token wants a token, but there is none; "
            "set RAY_AUTH_TOKEN to the cluster's, or RAY_AUTH_TOKEN_PATH to a file that holds it"
        )
    is_given = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return {"RAY_AUTH_MODE": "token"} if is_given and mode is None else {}


def _knock(address: str) -> None:
    """Asks the head node something harmless, once: Ray itself would ask for half a minute, with a warning each time."""
    import grpc
    from ray._private.gcs_utils import create_gcs_channel
    from ray.core.generated.gcs_service_pb2 import GetClusterIdRequest  # type: ignore[attr-defined]
    from ray.core.generated.gcs_service_pb2_grpc import NodeInfoGcsServiceStub
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

    def ask() -> None:
        with create_gcs_channel(address) as channel:
            NodeInfoGcsServiceStub(channel).GetClusterId(GetClusterIdRequest(), timeout=PATIENCE_SECONDS)

    def may_pass(error: BaseException) -> bool:
        return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.UNAVAILABLE

    retrying = Retrying(
        retry=retry_if_exception(may_pass), stop=stop_after_delay(PATIENCE_SECONDS), wait=wait_fixed(0.5), reraise=True
    )
    try:
        retrying(ask)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise ZostudyError(_refused(address)) from None
        reason = " ".join(str(error.details()).split())[:200]
        raise ZostudyError(
            f"a Ray cluster must listen at --address, but {address} does not answer ({reason}); "
            "check the address and its port (6379 unless it was set), or leave it out to run on this machine"
        ) from None


def _refused(address: str) -> str:
    from ray._raylet import AuthenticationMode, get_authentication_mode  # type: ignore[attr-defined]

    if get_authentication_mode() == AuthenticationMode.TOKEN:
        return (
            f"the cluster at {address} refuses the token of RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH; "
            "set RAY_AUTH_TOKEN to the cluster's own"
        )
    return f"the cluster at {address} wants a token, but none was sent; set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH"


def _why_not(address: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    if versions := re.findall(r"Ray: (\S+) Python: (\S+)", reason):
        theirs, ours = (f"Ray {ray} and Python {python}" for ray, python in versions)
        return (
            f"the cluster must run the same Ray and Python as this process, but {address} runs {theirs}, "
            f"and this is {ours}; install the cluster's versions here, or use zostudy submit"
        )
    if "node info" in reason:
        return (
            f"zostudy run must be started on a node of the cluster at {address}, but this machine is none of them; "
            "run it on one, or use zostudy submit"
        )
    return f"no Ray cluster can be joined at {address} ({reason[:200]}); check --address, and the head node's logs"
