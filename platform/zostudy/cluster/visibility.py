"""Whether all nodes of a cluster see the folder in which results go: a file is put there, and each node looks."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from zostudy.errors import ResultsError, ZostudyError

if TYPE_CHECKING:  # a node that looks needs nothing of how results are stored
    from zostudy.results.storage import Storage

# A network file system may show a new file a little later.
LOOKING_SECONDS = 3.0
ANSWER_SECONDS = 60.0


def check_visible(storage: Storage) -> None:
    """Refuses a folder that is on some nodes only, where a driver on another node would not find what is stored.

    Ray must be initialised. A cluster of one node, and an object store, need no check.

    Raises:
        ResultsError: a node does not see the folder, or it cannot be written.
        ZostudyError: a node cannot even look, as one without zostudy.
    """
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if storage.folder is None or len(nodes) < 2:
        return
    name = f".visible-{uuid4().hex}"
    storage.write(name, b"")
    try:
        blind = _nodes_without(str(storage.folder / name), nodes)
    finally:
        storage.remove(name)
    if blind:
        raise ResultsError(
            f"on a cluster of several nodes results must be where every node sees them, but {storage} is not there on "
            f"{', '.join(blind)}; give a path on shared storage, s3://... or gs://... with --results"
        )


def _nodes_without(path: str, nodes: list[dict[str, Any]]) -> list[str]:
    """Returns the names of the nodes that do not see the file, or do not answer; a node that has left is no matter."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look: Any = ray.remote(_sees)
    answers = {
        look.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            path
        ): f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
        for node in nodes
    }
    answered, silent = ray.wait([*answers], num_returns=len(answers), timeout=ANSWER_SECONDS)
    without = {answers[answer] for answer in silent}
    for answer in answered:
        try:
            if not ray.get(answer):
                without.add(answers[answer])
        except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError, ray.exceptions.WorkerCrashedError):
            continue
        except ray.exceptions.RayError as error:
            raise _cannot_run(answers[answer], error) from None
    return sorted(without)


def _cannot_run(node: str, error: Exception) -> ZostudyError:
    """Returns what to raise of a node where looking itself goes wrong: there is no zostudy, or something is amiss."""
    import ray

    cause, remedy = error, "mend that, or take the node out"
    if isinstance(error, ray.exceptions.RayTaskError):
        cause, remedy = error.cause, "install it there, or ship it with zostudy submit"
    reason = " ".join(str(cause).split())[-300:]
    return ZostudyError(f"every node must have the zostudy that is here, but {node} cannot run it ({reason}); {remedy}")


def _sees(path: str) -> bool:
    latest = time.monotonic() + LOOKING_SECONDS
    while not os.path.exists(path):
        if time.monotonic() > latest:
            return False
        time.sleep(0.1)
    return True
