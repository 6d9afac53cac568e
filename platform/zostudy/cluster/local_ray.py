"""Ray for one study: a cluster that is already there, or one of this machine that ends with the study."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from zostudy.errors import ZostudyError
from zostudy.spec.study import StudySpec

OBJECT_STORE_BYTES = 2**28
CPUS_OF_THE_DRIVER = 1
CONNECT_SECONDS = 5.0


@contextmanager
def connected(address: str | None, spec: StudySpec, shared_bytes: int = 0) -> Iterator[int]:
    """Connects to Ray, gives the number of replicas the study gets there, and disconnects.

    Args:
        address: a cluster's address; None starts Ray on this machine, for this study alone.
        spec: its ``replicas`` and ``resources`` decide the number.
        shared_bytes: what replicas will share on a node; a Ray of this machine gets room for it.

    Raises:
        ZostudyError: the cluster cannot be reached, or has no room for a replica.
    """
    if address is not None:
        _send_token()
    import ray

    _quieten()
    cpus = os.cpu_count() or 1
    if address is None:
        n_replicas = local_replicas(spec, cpus)
        start_local_ray(max(cpus, n_replicas * spec.resources.cpus), shared_bytes)
    else:
        _check_listens(address)
        try:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ZostudyError(
                f"no Ray cluster can be reached at {address} ({reason}); "
                "check --address, and that RAY_AUTH_TOKEN is the cluster's token, where it wants one"
            ) from error
        total = ray.cluster_resources()
        n_replicas = _n_replicas(spec, int(total.get("CPU", 0)) - CPUS_OF_THE_DRIVER, total.get("GPU", 0.0))
    try:
        yield n_replicas
    finally:
        ray.shutdown()


def _send_token() -> None:
    """Has Ray send the token that the user gave: to an address that is named it otherwise sends none."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _check_listens(address: str) -> None:
    """Refuses an address where nothing listens, on which Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ZostudyError(
            f"a Ray cluster must listen at --address, but {address} does not answer ({error.strerror or error}); "
            "check the address, or leave it out to run on this machine"
        ) from error


def start_local_ray(cpus: int, shared_bytes: int = 0) -> None:
    """Starts a Ray of this machine, which ends with ``ray.shutdown``.

    Args:
        cpus: what Ray may promise, whatever the machine has.
        shared_bytes: what replicas will share in the object store.

    Raises:
        ZostudyError: its processes do not come up.
    """
    import ray

    _quieten()
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES + round(1.5 * shared_bytes),
            logging_level=logging.ERROR,
            log_to_driver=False,
            _system_config={"worker_maximum_startup_concurrency": cpus},  # else it warns of replicas beyond the cores
        )
    except Exception as error:  # Ray raises no narrower one where its processes do not come up in time
        reason = " ".join(str(error).split())[:200]
        raise ZostudyError(
            f"Ray must start on this machine, but did not ({reason}); run again, or ease the load"
        ) from error


def local_replicas(spec: StudySpec, cpus: int) -> int:
    """Returns how many replicas a study gets on a machine with so many CPUs."""
    return _n_replicas(spec, cpus, float("inf"))


def _n_replicas(spec: StudySpec, cpus: int, gpus: float) -> int:
    if spec.replicas != "auto":
        return spec.replicas
    per_replica = spec.resources
    by_gpu = gpus / per_replica.gpus if per_replica.gpus else float("inf")
    return max(1, int(min(cpus // per_replica.cpus, by_gpu)))


def _quieten() -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
