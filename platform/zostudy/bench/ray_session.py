"""A Ray of this machine for one section of the benchmark."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from zostudy.errors import ZostudyError

SPARE_STORE_BYTES = 2**28


@contextmanager
def local_ray(cpus: int, shared_bytes: int = 0) -> Iterator[None]:
    """Starts Ray on this machine, and ends it; a Ray that this process is connected to already is left as it is.

    Args:
        cpus: what Ray may promise to replicas, whatever the machine has.
        shared_bytes: what replicas will share in the object store.

    Raises:
        ZostudyError: Ray does not come up.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=SPARE_STORE_BYTES + round(1.5 * shared_bytes),
            logging_level=logging.ERROR,
            log_to_driver=False,
            _system_config={
                "worker_maximum_startup_concurrency": cpus
            },  # else it warns of each replica beyond the cores
        )
    except Exception as error:  # Ray raises no narrower one where its processes do not come up in time
        reason = " ".join(str(error).split())[:200]
        raise ZostudyError(
            f"Ray must start on this machine, but did not ({reason}); run again, or ease the load"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
