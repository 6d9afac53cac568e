"""Ray for one study: a cluster that is already there, or one of this machine that ends with the study."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from zostudy.cluster.attaching import attach
from zostudy.errors import ZostudyError
from zostudy.machine import usable_cpus
from zostudy.spec.study import StudySpec

OBJECT_STORE_BYTES = 2**28


@contextmanager
def connected(address: str | None, spec: StudySpec, shared_bytes: int = 0) -> Iterator[None]:
    """Connects to Ray, and disconnects.

    Args:
        address: a cluster's address; None starts Ray on this machine, for this study alone.
        spec: a Ray of this machine promises the CPUs that its replicas take, whatever the machine has.
        shared_bytes: what replicas will share on a node; a Ray of this machine gets room for it.

    Raises:
        ZostudyError: the cluster cannot be reached, or Ray not be started.
    """
    _quieten()
    cpus = usable_cpus()
    ending = signal.getsignal(signal.SIGTERM)
    if address is None:
        start_local_ray(max(cpus, local_replicas(spec, cpus) * spec.resources.cpus), shared_bytes)
    else:
        attach(address)
    import ray

    if callable(ending) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ending)  # Ray has put its own in its place
    try:
        yield
    finally:
        ray.shutdown()


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
    """Returns how many replicas a study gets on a machine with so many CPUs, as far as these go."""
    return max(1, cpus // spec.resources.cpus) if spec.replicas == "auto" else spec.replicas


def _quieten() -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
