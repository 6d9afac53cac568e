"""What the nodes of a cluster hold: counted node by node, as a replica does not span two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zostudy.config.study import ResourcesSpec

TRIALS_PER_REPLICA = 2
TRIAL_BYTES = 2**28
"""Memory of a trial's process in Ray's books."""

GIB = 2**30
ACCELERATOR = "accelerator_type:"

Node = Mapping[str, Any]


def room(nodes: Sequence[Node], resources: ResourcesSpec, driver_node: str | None = None) -> int:
    """Returns how many replicas the nodes hold, by all that they have; a CPU is left to the driver.

    A cluster that has room for nothing but the driver or a replica holds one all the same: the driver can do with less.

    Args:
        nodes: from ``ray.nodes()``.
        resources: of one replica.
        driver_node: id of the node where the driver runs; None leaves it no room.
    """
    alive = [node for node in nodes if node["Alive"]]
    beside_driver = sum(_fitting(node, resources, 1.0 if node["NodeID"] == driver_node else 0.0) for node in alive)
    return beside_driver or min(1, sum(_fitting(node, resources) for node in alive))


def describe_demand(resources: ResourcesSpec) -> str:
    """Returns what a replica wants, in words."""
    return _in_words(_demand(resources))


def describe_largest(nodes: Sequence[Node]) -> str:
    """Returns what the largest node has, in words."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    return _in_words(max(alive, key=lambda has: (has.get("GPU", 0.0), has.get("CPU", 0.0)), default={}))


def _demand(resources: ResourcesSpec) -> dict[str, float]:
    """Returns what a replica takes, by Ray's names; of a node's accelerator the name is enough."""
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
