"""Starts Ray and the replicas of a study, perhaps while its model is read and its texts are encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from zostudy.cluster.attached import check_visible, watched_head
from zostudy.cluster.connecting import connected
from zostudy.cluster.fleet import Fleet
from zostudy.cluster.nodes import local_replicas
from zostudy.cluster.preconditions import check_ray_can_start
from zostudy.cluster.ray_log import ray_log
from zostudy.config.study import StudySpec
from zostudy.errors import ZostudyError
from zostudy.lm.finding import bytes_on_disk
from zostudy.machine import usable_cpus
from zostudy.results.lease import is_held
from zostudy.results.storage import Storage
from zostudy.search.plan import Plan
from zostudy.search.progress import stored_progress

if TYPE_CHECKING:  # which imports torch, as the thread that prepares does
    from zostudy.search.prepare import PreparedStudy

MOST_BYTES = 2**27
"""A larger model is read before Ray starts, because Ray must know how much memory the replicas will share."""

# Memory for each byte on disk: half precision becomes float32, with a bfloat16 copy while noise is measured.
_MEMORY_FACTOR = 2 * 1.5


@contextmanager
def running_fleet(
    address: str | None, spec: StudySpec, storage: Storage, shared_bytes: int, notify: Callable[[str], None]
) -> Iterator[Fleet]:
    """Connects to Ray, or starts it here, and starts the replicas, which do not have their scorer yet.

    Args:
        address: of a Ray cluster; None for this machine.
        spec: the study.
        storage: of its results.
        shared_bytes: memory that the replicas of a node will share.
        notify: takes lines for the user.

    Raises:
        LostRayError: a process of a Ray of this machine died.
        ZostudyError: Ray cannot be started or reached, its nodes do not see the results, or hold no replica.
    """
    cpus = local_replicas(spec.replicas, spec.resources, usable_cpus()) * spec.resources.cpus
    with ray_log(storage), connected(address, cpus, shared_bytes), watched_head(address, notify):
        if address is not None:
            check_visible(storage)
        with Fleet(spec.replicas, spec.resources, None, attached=address is not None, notify=notify) as fleet:
            yield fleet


@contextmanager
def prepared_beside_fleet(
    plan: Plan,
    storage: Storage,
    address: str | None,
    prepare: Callable[[], PreparedStudy],
    notify: Callable[[str], None],
) -> Iterator[tuple[PreparedStudy, Fleet | None]]:
    """Yields what ``prepare`` returns, with the replicas of this machine, if they could start meanwhile.

    Ray starts in this thread, as it insists on, and ``prepare`` runs in another one.

    Args:
        plan: of the study.
        storage: of its results.
        address: of a Ray cluster; None for this machine.
        prepare: prepares the study.
        notify: takes lines for the user.

    Raises:
        ZostudyError: as ``prepare`` and ``running_fleet``.
    """
    n_bytes = bytes_on_disk(plan.spec.model) if address is None else None
    if n_bytes is None or n_bytes > MOST_BYTES or is_held(storage) or _is_finished(plan, storage):
        yield prepare(), None
        return
    check_ray_can_start()
    with ThreadPoolExecutor(1, "zostudy-preparing") as thread:
        preparing = thread.submit(prepare)
        try:
            with running_fleet(None, plan.spec, storage, round(_MEMORY_FACTOR * n_bytes), notify) as fleet:
                yield preparing.result(), fleet
        except KeyboardInterrupt:
            if not preparing.done():
                notify("ending as soon as the model is read")
            raise


def _is_finished(plan: Plan, storage: Storage) -> bool:
    """Returns whether all trials are stored; results that cannot be read raise an error later."""
    with suppress(ZostudyError):
        return stored_progress(plan, storage).done
    return False
