"""A Ray of this machine for one section of the benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zostudy.cluster.local_ray import own_ray
from zostudy.cluster.preconditions import check_ray_can_start
from zostudy.cluster.ray_log import ray_log


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
    check_ray_can_start()
    with ray_log(None), own_ray(cpus, shared_bytes):
        yield
