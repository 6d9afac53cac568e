"""Checks of a cluster that was there before: does its head answer, and do all nodes see the results folder?"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import ray

from zostudy.errors import ResultsError, ZostudyError
from zostudy.wording import one_line

if TYPE_CHECKING:  # a node that looks for a file needs nothing of how results are stored
    from zostudy.results.storage import Storage

SECONDS_BETWEEN_CHECKS = 3.0
HEAD_ANSWER_SECONDS = 5.0
FAILURES_BEFORE_NOTICE = 2

# A network file system may show a new file a little later.
FILE_SECONDS = 3.0
NODE_ANSWER_SECONDS = 60.0


@contextmanager
def watched_head(address: str | None, notify: Callable[[str], None]) -> Iterator[None]:
    """Notifies the user when the head node has stopped answering, and when it answers again.

    Without its head Ray ends the driver after a minute, and does not say what to do.

    Args:
        address: of a cluster that this process is attached to; None for a Ray of its own, which is not watched.
        notify: takes the line, in another thread.
    """
    if address is None:
        yield
        return
    over = threading.Event()
    head = ray.get_runtime_context().gcs_address
    watch = threading.Thread(target=_watch, args=(head, over, notify), name="zostudy-head-watch", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()  # a late line would be written where the next driver writes already


def _watch(head: str, over: threading.Event, notify: Callable[[str], None]) -> None:
    failures = 0
    while not over.wait(SECONDS_BETWEEN_CHECKS):
        answers = _answers(head)
        if over.is_set():
            return
        if answers:
            if failures >= FAILURES_BEFORE_NOTICE:
                notify(f"the head node at {head} answers again")
            failures = 0
            continue
        failures += 1
        if failures == FAILURES_BEFORE_NOTICE:
            notify(
                f"the head node at {head} does not answer; unless it is back within a minute, Ray will end this run: "
                "then start the cluster again and repeat the command, which goes on from what is stored"
            )


def _answers(head: str) -> bool:
    host, _, port = head.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=HEAD_ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def check_visible(storage: Storage) -> None:
    """Refuses a results folder that only some nodes see: a driver on another node would not find what is stored.

    A file is written to the folder, and a task on each node looks for it. Ray must be initialised. A cluster of one
    node, and an object store, need no check.

    Raises:
        ResultsError: a node does not see the folder, or it cannot be written.
        ZostudyError: a node cannot run the task, for example because zostudy is not installed there.
    """
    nodes = [node for node in ray.nodes() if node["Alive"]]
    if storage.folder is None or len(nodes) < 2:
        return
    name = f".visible-{uuid4().hex}"
    storage.write(name, b"")
    try:
        without = _nodes_without(str(storage.folder / name), nodes)
    finally:
        storage.remove(name)
    if without:
        raise ResultsError(
            "on a cluster of several nodes, results must be where every node sees them",
            got=f"{storage} is not there on {', '.join(without)}",
            remedy="give a path on shared storage, s3://... or gs://... with `results`",
        )


def _nodes_without(path: str, nodes: list[dict[str, Any]]) -> list[str]:
    """Returns the names of the nodes that do not see the file or do not answer; a node that has left is ignored."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    sees: Any = ray.remote(_sees)
    calls = {}
    for node in nodes:
        on_node = sees.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        )
        calls[on_node.remote(path)] = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
    answered, silent = ray.wait([*calls], num_returns=len(calls), timeout=NODE_ANSWER_SECONDS)
    without = {calls[call] for call in silent}
    for call in answered:
        try:
            if not ray.get(call):
                without.add(calls[call])
        except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError, ray.exceptions.WorkerCrashedError):
            continue
        except ray.exceptions.RayError as error:
            raise _cannot_run(calls[call], error) from None
    return sorted(without)


def _cannot_run(node: str, error: Exception) -> ZostudyError:
    cause, remedy = error, "mend that, or take the node out"
    if isinstance(error, ray.exceptions.RayTaskError):
        cause, remedy = error.cause, "install it there, or ship it with zostudy submit"
    reason = one_line(cause)[-300:]
    return ZostudyError(
        "every node must have the zostudy that is here", got=f"{node} cannot run it ({reason})", remedy=remedy
    )


def _sees(path: str) -> bool:
    latest = time.monotonic() + FILE_SECONDS
    while not os.path.exists(path):
        if time.monotonic() > latest:
            return False
        time.sleep(0.1)
    return True
