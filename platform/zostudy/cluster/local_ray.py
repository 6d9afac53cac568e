"""A Ray of this machine, for one study alone: it listens on loopback, asks for a token, and serves no metrics."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import ray
from ray._private import node, ray_constants, services, utils

from zostudy.cluster.driver_process import QUIET, environment, own_paths, own_sigterm
from zostudy.cluster.process_watch import NAMES, watched_processes
from zostudy.errors import ZostudyError
from zostudy.wording import one_line

_log = logging.getLogger(__name__)

OBJECT_STORE_BYTES = 2**28

MOST_TRIES = 3
"""Ray waits half a minute for its raylet, which takes longer on a machine under load."""

_LESS_LOAD = "ease the load on this machine"


class _LeanNode(node.Node):
    """Ray's processes without two that a study does not need: the dashboard, and the monitor of an autoscaler.

    Ray starts the dashboard even if it is told not to include it, and waits for it.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Starts the processes; those that came up are ended if others do not."""
        try:
            super().__init__(*args, **settings)
        except BaseException:
            if hasattr(self, "all_processes"):
                self.kill_all_processes(check_alive=False)
            raise

    def start_api_server(self, *, include_dashboard: bool | None, raise_on_failure: bool) -> None:
        """Starts no dashboard."""

    def start_monitor(self) -> None:
        """Starts no monitor."""


@contextmanager
def own_ray(cpus: int, shared_bytes: int = 0) -> Iterator[None]:
    """Starts a Ray that only this process can reach, and ends it.

    Args:
        cpus: how many CPUs Ray may promise, whatever the machine has.
        shared_bytes: memory that replicas will share in the object store.

    Raises:
        LostRayError: one of its processes died.
        ZostudyError: its processes do not come up.
    """
    worker: Any = ray._private.worker  # Ray has no public way to the processes that it starts
    with environment(QUIET, keep=True):
        try:
            with own_sigterm(), _own_groups(), _on_loopback(), environment(_raylet_settings(cpus)):
                _start(cpus, shared_bytes)
            processes = worker._global_node.all_processes
            with watched_processes({name: processes[name][0].process for name in NAMES}, ray.shutdown):
                yield
        finally:
            read_token_settings()


def _raylet_settings(cpus: int) -> dict[str, str]:
    return {
        "RAY_worker_maximum_startup_concurrency": str(cpus),  # else it warns of replicas beyond the cores
        "RAY_prestart_worker_first_driver": "0",  # of workers that neither replicas nor trials can use
    }


def _start(cpus: int, shared_bytes: int) -> None:
    for n_left in reversed(range(MOST_TRIES)):
        try:
            with shutdown_on_error():
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE_BYTES + round(1.5 * shared_bytes),
                    job_config=own_paths(),
                    logging_level=logging.ERROR,
                    log_to_driver=True,
                )
            return
        except Exception as error:  # Ray raises nothing narrower where its processes do not come up in time
            reason = one_line(error, 200)
            remedy = _remedy(reason)
            if remedy == _LESS_LOAD and n_left:
                _log.warning("Ray did not start (%s), and is started again", reason)
                continue
            raise ZostudyError(
                "Ray must start on this machine", got=f"did not ({reason})", remedy=f"{remedy}, and run again"
            ) from error


@contextmanager
def shutdown_on_error() -> Iterator[None]:
    """Shuts Ray down if its start fails or is interrupted, so that none of its processes stays."""
    try:
        yield
    except BaseException:
        ray.shutdown()
        raise


def _remedy(reason: str) -> str:
    if "No space left" in reason:
        return "make room for temporary files, or set TMPDIR to a folder with room"
    if "/dev/shm" in reason:
        return "make /dev/shm larger (docker run --shm-size), or take a smaller model"
    return _LESS_LOAD


@contextmanager
def _own_groups() -> Iterator[None]:
    """Gives each process that Ray starts within this block a process group of its own.

    A terminal that closes signals the whole group of this process. This process alone then gets the signal, and ends
    Ray in order. Some kernels do not end Ray's processes with this one: there Ray ends them by their group, which
    therefore stays as it is.
    """
    original = services.ConsolePopen
    if utils.detect_fate_sharing_support():
        services.ConsolePopen = partial(original, process_group=0)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        services.ConsolePopen = original  # type: ignore[misc]


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Makes a Ray that starts within this block private, whatever the environment says. Its processes inherit this.

    The token is a fresh one. Ray remembers it in this process until ``read_token_settings`` is called.
    """
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    clusters = ray_constants.ENABLE_RAY_CLUSTER  # the variable behind it is read only once, at Ray's import
    with environment({"RAY_enable_metrics_collection": "0"} | token):
        read_token_settings()
        ray_constants.ENABLE_RAY_CLUSTER = False  # then a node's address is 127.0.0.1, and all servers listen there
        node.Node, original = _LeanNode, node.Node  # type: ignore[misc]
        try:
            yield
        finally:
            node.Node = original  # type: ignore[misc]
            ray_constants.ENABLE_RAY_CLUSTER = clusters


def read_token_settings() -> None:
    """Makes Ray read again from the environment whether it sends a token, and which.

    Ray does so once in a process and has no public way to repeat it, but a process may run one study after another.
    """
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
