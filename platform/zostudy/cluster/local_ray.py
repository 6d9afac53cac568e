"""Ray for one study: a cluster that is already there, or one of this machine that ends with the study."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zostudy.cluster.attaching import attach
from zostudy.cluster.environment import QUIET, environment
from zostudy.cluster.loopback import on_loopback, read_token_settings
from zostudy.cluster.process_watch import NAMES, watched_processes
from zostudy.config.study import StudySpec
from zostudy.errors import ZostudyError
from zostudy.machine import usable_cpus

OBJECT_STORE_BYTES = 2**28


@contextmanager
def connected(address: str | None, spec: StudySpec, shared_bytes: int = 0) -> Iterator[None]:
    """Connects to Ray, and disconnects.

    Args:
        address: a cluster's address; None, or ``local``, starts Ray on this machine, for this study alone.
        spec: a Ray of this machine promises the CPUs that its replicas take, whatever the machine has.
        shared_bytes: what replicas will share on a node; a Ray of this machine gets room for it.

    Raises:
        LostRayError: a process of a Ray of this machine died.
        ZostudyError: the cluster cannot be reached, or Ray not be started.
    """
    if address in (None, "local"):
        cpus = usable_cpus()
        with own_ray(max(cpus, local_replicas(spec, cpus) * spec.resources.cpus), shared_bytes):
            yield
        return
    with environment(QUIET, keep=True):
        with _same_ending():
            attach(str(address))
        import ray

        try:
            yield
        finally:
            ray.shutdown()
            read_token_settings()


@contextmanager
def own_ray(cpus: int, shared_bytes: int = 0) -> Iterator[None]:
    """Starts a Ray of this machine that nobody else reaches, and ends it.

    Args:
        cpus: what Ray may promise, whatever the machine has.
        shared_bytes: what replicas will share in the object store.

    Raises:
        LostRayError: one of its processes died.
        ZostudyError: its processes do not come up.
    """
    import ray

    worker: Any = ray._private.worker
    with environment(QUIET, keep=True):
        try:
            with _same_ending(), on_loopback():
                _start(cpus, shared_bytes)
            processes = worker._global_node.all_processes
            with watched_processes({name: processes[name][0].process for name in NAMES}, ray.shutdown):
                yield
        finally:
            read_token_settings()


def _start(cpus: int, shared_bytes: int) -> None:
    import ray

    from zostudy.cluster.job_paths import OwnPaths

    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES + round(1.5 * shared_bytes),
            job_config=OwnPaths(),
            logging_level=logging.ERROR,
            log_to_driver=True,
            _system_config={"worker_maximum_startup_concurrency": cpus},  # else it warns of replicas beyond the cores
        )
    except Exception as error:  # Ray raises no narrower one where its processes do not come up in time
        reason = " ".join(str(error).split())[:200]
        raise ZostudyError(
            f"Ray must start on this machine, but did not ({reason}); {_remedy(reason)}, and run again"
        ) from error


def _remedy(reason: str) -> str:
    if "No space left" in reason:
        return "make room for temporary files, or set TMPDIR to a folder with room"
    if "/dev/shm" in reason:
        return "make /dev/shm larger (docker run --shm-size), or take a smaller model"
    return "ease the load on this machine"


def local_replicas(spec: StudySpec, cpus: int) -> int:
    """Returns how many replicas a study gets on a machine with ``cpus`` CPUs."""
    return max(1, cpus // spec.resources.cpus) if spec.replicas == "auto" else spec.replicas


@contextmanager
def _same_ending() -> Iterator[None]:
    """Puts back what happens at SIGTERM, for which Ray installs a handler of its own."""
    ending = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(ending) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ending)
