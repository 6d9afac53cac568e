"""The fleet: a study's replicas, made for the nodes there are, and more of them as nodes join."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal
from uuid import uuid4

from zostudy.cluster.nodes import describe_demand, describe_largest, room
from zostudy.cluster.pulse import MOST_UNIT_SECONDS, Pulse
from zostudy.cluster.replica import ScorerFactory, start_replica
from zostudy.cluster.replica_set import MOST_DEATHS, ReplicaSet, in_one_line
from zostudy.config.study import ResourcesSpec
from zostudy.errors import ZostudyError

SECONDS_BETWEEN_ROUNDS = 5.0
SECONDS_WHILE_ONE_COMES_UP = 1.0
SILENT_SECONDS = 60.0
"""After this time a user is told what the first replica waits for, though a node could hold it."""
TOGETHER_SECONDS = 10.0
"""How long the first ready replica waits for others that have room, before work starts."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class NamedReplicas:
    """Finds the replicas of one fleet by their names, in any process of the job, for the pools of trials."""

    prefix: str

    def __call__(self) -> list[Any]:
        """Returns their handles, whether they live or wait for a node."""
        import ray

        handles = []
        for name in sorted(ray.util.list_named_actors()):
            if name.startswith(self.prefix):
                with contextlib.suppress(ValueError):  # it has gone since
                    handles.append(ray.get_actor(name))
        return handles


class Fleet:
    """Replicas that live as long as this does: Ray moves those whose node has left to wherever there is room.

    Attributes:
        list_replicas: finds them from a trial's process.
    """

    def __init__(
        self,
        wanted: int | Literal["auto"],
        resources: ResourcesSpec,
        factory: ScorerFactory,
        attached: bool,
        tell: Tell,
    ) -> None:
        """Makes the replicas, which come to life where there is room; Ray must be initialised.

        Args:
            wanted: how many; ``auto`` means as many as the nodes hold.
            resources: of each.
            factory: what they are to host first.
            attached: whether the cluster was there before; then nodes may join, and the driver is left a CPU on its.
            tell: takes a line when something takes its time, or does not work.

        Raises:
            ZostudyError: no node can hold a replica, nor is one awaited.
        """
        import ray

        self.list_replicas = NamedReplicas(f"zostudy-replica-{uuid4().hex[:8]}-")
        self._wanted, self._resources, self._tell = wanted, resources, tell
        self._driver_node = ray.get_runtime_context().get_node_id() if attached else None
        self._handles: list[Any] = []
        self._replaced: Counter[int] = Counter()
        self._replica_set = ReplicaSet(self._handles.copy, factory)
        self._pulse = Pulse()
        self._over = threading.Event()
        self._rounds = threading.Thread(target=self._make_rounds, name="zostudy-fleet", daemon=True)
        if not self._room() and (wanted == "auto" or not attached):
            awaiting = ", or set replicas to a number, which an autoscaler sees" if attached else ""
            raise ZostudyError(
                f"a replica must fit on one node, but wants {describe_demand(resources)}, and the largest has "
                f"{self._largest()}; lower resources, or run where there is more{awaiting}"
            )
        self._add()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the replicas."""
        import ray

        self._over.set()
        if self._rounds.ident is not None:
            self._rounds.join()
        for handle in self._handles:
            ray.kill(handle)

    @property
    def n_made(self) -> int:
        """How many there are, ready or waiting for room."""
        return len(self._handles)

    @property
    def n_replicas(self) -> int:
        """How many are ready, on nodes that were there a few seconds ago."""
        return len(self._replica_set.usable)

    def await_first(self) -> None:
        """Returns when the first has its scorer, and with it those that come up at about the same time.

        Raises:
            NoReplicaError: those that live cannot load the model, or die of it.
        """
        silent_until = time.monotonic() + SILENT_SECONDS
        while not self.n_replicas:
            self._look_after(seconds=1.0)
            if time.monotonic() > silent_until or (silent_until < float("inf") and not self._room()):
                silent_until = float("inf")
                self._tell(self._what_for())
        together_until = time.monotonic() + TOGETHER_SECONDS
        while self.n_replicas < min(self._room(), len(self._handles)) and time.monotonic() < together_until:
            self._look_after(seconds=1.0)

    def keep(self, factory: ScorerFactory) -> None:
        """Looks after the replicas from now on: makes more where nodes have joined, and has them make this scorer."""
        usable = self._replica_set.usable
        self._replica_set = ReplicaSet(self._handles.copy, factory)
        self._replica_set.usable = usable
        self._rounds.start()

    def _make_rounds(self) -> None:
        told: set[str] = set()
        while not self._over.wait(
            SECONDS_WHILE_ONE_COMES_UP if self._replica_set.quarantined else SECONDS_BETWEEN_ROUNDS
        ):
            for care in (self._replace, self._add, self._look_after, self._restart_hanging):
                with contextlib.suppress(Exception):  # a cluster's trouble passes, or ends the study by its trials
                    care()
            faults = {in_one_line(fault) for fault in self._replica_set.faults.values()}
            for fault in sorted(faults - told):
                self._tell(f"a replica is of no use: {fault}")
            told |= faults

    def _add(self) -> None:
        """Makes as many as are wanted and not there."""
        wanted = self._room() if self._wanted == "auto" else self._wanted
        for number in range(len(self._handles), wanted):
            self._handles.append(self._make(str(number)))

    def _replace(self) -> None:
        """Makes those anew whose process could not even start, which Ray gives up; of each place a few times."""
        failed = [number for number, replica in enumerate(self._handles) if replica in self._replica_set.faults]
        there = self.list_replicas() if failed else []
        for number in failed:
            if self._handles[number] not in there and self._replaced[number] < MOST_DEATHS - 1:
                self._replaced[number] += 1
                self._handles[number] = self._make(f"{number}-{self._replaced[number]}")

    def _make(self, name: str) -> Any:
        replica = start_replica(self._resources, self.list_replicas.prefix + name)
        self._replica_set.add_pending(replica)
        return replica

    def _look_after(self, seconds: float = 0.0) -> None:
        """Takes what replicas answer in that time, and asks those again whose node has left."""
        import ray

        self._replica_set.take(seconds)
        nodes = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        for replica, node in [*self._replica_set.usable.items()]:
            if node not in nodes:
                self._replica_set.quarantine(replica)
        self._replica_set.look()

    def _restart_hanging(self) -> None:
        for replica in self._pulse.hanging([*self._replica_set.usable]):
            self._tell(f"a replica has hung in a unit for {MOST_UNIT_SECONDS / 60:.0f} minutes, and is started anew")
            self._replica_set.restart(replica)

    def _room(self) -> int:
        import ray

        return room(ray.nodes(), self._resources, self._driver_node)

    def _largest(self) -> str:
        import ray

        return describe_largest(ray.nodes())

    def _what_for(self) -> str:
        wants = f"waiting for the first replica, which wants {describe_demand(self._resources)}"
        if self._room():
            return f"{wants}: nodes are large enough, but busy with other work, or slow to load the model"
        return f"{wants}: the largest node has {self._largest()}; it begins when a larger one joins"
