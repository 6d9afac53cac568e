"""The seam to Ray: all that the pool and the fleet ask of Ray and of the clock. Tests play both."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

import ray

from zostudy.cluster.nodes import TRIAL_BYTES, TRIALS_PER_REPLICA, Node
from zostudy.cluster.replica import CONTROL, Replica
from zostudy.config.study import ResourcesSpec
from zostudy.machine import GIB

GATHERING_SECONDS_PER_CALL = 5e-6
"""Ray takes most of a microsecond a call to see which have ended. It looks at most this often, so that this stays a
small share of the time with thousands of calls. With 200 calls that is a millisecond, the shortest time of Ray."""


class RayApi:
    """Ray's own functions. Handles are those of ``Replica`` actors; a call is the reference that ``remote`` returns."""

    def now(self) -> float:
        """Returns seconds of a clock that never goes back."""
        return time.monotonic()

    def wait(self, calls: list[Any], seconds: float) -> list[Any]:
        """Returns the calls that have ended, after waiting for one up to that long, and a moment for more."""
        if not self.wait_for(1, calls, seconds):
            return []
        return self.wait_for(len(calls), calls, len(calls) * GATHERING_SECONDS_PER_CALL)

    def wait_for(self, number: int, calls: list[Any], seconds: float) -> list[Any]:
        """Returns up to that number of calls that have ended, after waiting for it up to that long."""
        if not calls:
            time.sleep(seconds)
            return []
        ended, _ = ray.wait(calls, num_returns=number, timeout=seconds)
        return list(ended)

    def get(self, call: Any) -> Any:
        """Returns the answer to a call, or raises its error."""
        return ray.get(call)

    def start(self, resources: ResourcesSpec, name: str | None = None) -> Any:
        """Returns the handle of a new replica at once. Ray starts it where there is room, and again when it dies.

        Args:
            resources: what it takes of its node. The share of the trials that it serves is left free of its memory.
            name: by which other processes of the same job find it.
        """
        remote: Any = ray.remote
        actor = remote(concurrency_groups={CONTROL: 1})(Replica)
        return actor.options(
            name=name,
            num_cpus=resources.cpus,
            num_gpus=resources.gpus,
            accelerator_type=resources.accelerator_type,
            memory=resources.memory and int(resources.memory * GIB) - TRIALS_PER_REPLICA * TRIAL_BYTES,
            enable_task_events="RAY_PROFILING" in os.environ,
            max_restarts=-1,
            runtime_env={"env_vars": _environment(resources.cpus)},
        ).remote()

    def warm(self, replica: Any) -> None:
        """Has a replica import the libraries that scorers need, before it gets one."""
        replica.import_module.remote("zostudy.lm.frozen")

    def find(self, prefix: str) -> list[Any]:
        """Returns the handles of the replicas whose names begin so, in the order of the names, dead ones left out."""
        handles = []
        for name in sorted(ray.util.list_named_actors()):
            if name.startswith(prefix):
                with suppress(ValueError):  # it has gone since
                    handles.append(ray.get_actor(name))
        return handles

    def restart(self, replica: Any) -> None:
        """Kills a replica's process; Ray starts another one."""
        ray.kill(replica, no_restart=False)

    def end(self, replica: Any) -> None:
        """Kills a replica for good."""
        ray.kill(replica)

    def nodes(self) -> list[Node]:
        """Returns the nodes that live, as ``ray.nodes`` describes them."""
        return [node for node in ray.nodes() if node["Alive"]]

    def driver_node(self) -> str:
        """Returns the id of the node on which this process runs."""
        return str(ray.get_runtime_context().get_node_id())


def _environment(cpus: int) -> dict[str, str]:
    """Returns a replica's environment variables.

    The allocator keeps the memory that a forward has freed, as the next one wants as much. Else the kernel takes and
    clears these pages in every forward, a fifth of a small model's time. It does so in one arena, since a block beyond
    64 MiB fits into no thread's own.
    """
    return {
        "OMP_NUM_THREADS": str(cpus),
        "TOKENIZERS_PARALLELISM": "false",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(2**40),
    }
