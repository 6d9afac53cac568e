"""The number of replicas that a cluster holds, counted node by node, as a replica does not span two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from zostudy.config.study import ResourcesSpec
from zostudy.machine import GIB

TRIALS_PER_REPLICA = 2
"""The most that run at once."""
TRIAL_BYTES = 2**28
"""Memory that Ray reserves for a trial's process."""

ACCELERATOR = "accelerator_type:"

Node = Mapping[str, Any]


def local_replicas(wanted: int | Literal["auto"], resources: ResourcesSpec, cpus: int) -> int:
    """Returns how many replicas a study gets on a machine with ``cpus`` CPUs."""
    return max(1, cpus // resources.cpus) if wanted == "auto" else wanted


def trials_at_once(n_replicas: int, resources: ResourcesSpec, cpus: float) -> int:
    """Returns how many trials keep replicas busy: two each, as one of them may be computing by itself.

    Where replicas without a GPU have all CPUs, a trial computes at their cost, and one more than replicas is enough.

    Args:
        n_replicas: how many there are, at least one.
        resources: of each.
        cpus: of all nodes.
    """
    spare = n_replicas if resources.gpus else int(cpus) - n_replicas * resources.cpus
    return n_replicas + min(n_replicas, max(1, spare))


def capacity(nodes: Sequence[Node], resources: ResourcesSpec, driver_node: str | None = None) -> int:
    """Returns how many replicas the nodes hold in all; a CPU is left to the driver.

    A cluster that has room only for the driver or a replica counts as room for one: the driver can do with less.

    Args:
        nodes: that live, from ``ray.nodes()``.
        resources: of one replica.
        driver_node: id of the node where the driver runs; None leaves it no room.
    """
    beside_driver = sum(_fitting(node, resources, 1.0 if node["NodeID"] == driver_node else 0.0) for node in nodes)
    return beside_driver or min(1, sum(_fitting(node, resources) for node in nodes))


def describe_demand(resources: ResourcesSpec) -> str:
    """Returns the resources of a replica as text."""
    return _in_words(_demand(resources))


def describe_largest(nodes: Sequence[Node]) -> str:
    """Returns the resources of the largest node as text."""
    resources = [node["Resources"] for node in nodes]
    return _in_words(max(resources, key=lambda has: (has.get("GPU", 0.0), has.get("CPU", 0.0)), default={}))


def _demand(resources: ResourcesSpec) -> dict[str, float]:
    """Returns the resources of a replica by Ray's names; an accelerator type needs no more than its name."""
    wanted = {"CPU": float(resources.cpus), "GPU": resources.gpus, "memory": (resources.memory or 0.0) * GIB}
    named = {ACCELERATOR + resources.accelerator_type: 1e-3} if resources.accelerator_type else {}
    return {name: amount for name, amount in wanted.items() if amount} | named


def _fitting(node: Node, resources: ResourcesSpec, cpus_of_driver: float = 0.0) -> int:
    has = {**node["Resources"], "CPU": node["Resources"].get("CPU", 0.0) - cpus_of_driver}
    most = min(has.get(name, 0.0) / amount + 1e-9 for name, amount in _demand(resources).items())
    return max(0, int(most))


def _in_words(has: Mapping[str, float]) -> str:
    parts = [_count(has.get("CPU", 0.0), "CPU")]
    if has.get("GPU"):
        parts.append(_count(has["GPU"], "GPU"))
    if has.get("memory"):
        parts.append(f"{has['memory'] / GIB:.3g} GiB of memory")
    parts += sorted(name.removeprefix(ACCELERATOR) for name in has if name.startswith(ACCELERATOR))
    return ", ".join(parts)


def _count(amount: float, unit: str) -> str:
    return f"{amount:g} {unit}{'' if amount == 1 else 's'}"
