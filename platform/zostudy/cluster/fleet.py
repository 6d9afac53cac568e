"""The fleet: a study's replicas, made to fit the nodes, and more of them as nodes join."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Literal
from uuid import uuid4

import ray

from zostudy.cluster.hang_detector import MOST_BATCH_SECONDS, HangDetector
from zostudy.cluster.nodes import capacity, describe_demand, describe_largest
from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import MOST_DEATHS, ReplicaLister, ReplicaSet
from zostudy.config.study import ResourcesSpec
from zostudy.errors import ZostudyError, one_line_of

SECONDS_BETWEEN_CHECKS = 5.0
SECONDS_WHILE_ONE_STARTS = 1.0
SILENT_SECONDS = 60.0
"""After this time without a ready replica, the user is told what the first one waits for."""
TOGETHER_SECONDS = 10.0
"""The first ready replica waits this long for others that have room, before work starts."""


class Fleet:
    """Replicas that live as long as this context. Ray moves those whose node has left to nodes with room.

    Attributes:
        list_replicas: finds their handles by their names, in any process of the job.
        notify: takes a line when something takes long, or does not work.
    """

    def __init__(
        self,
        wanted: int | Literal["auto"],
        resources: ResourcesSpec,
        factory: ScorerFactory | None,
        attached: bool,
        notify: Callable[[str], None],
        ray_api: RayApi | None = None,
    ) -> None:
        """Makes the replicas, which start where there is room. Ray must be initialised.

        Args:
            wanted: how many; ``auto`` means as many as the nodes hold.
            resources: of each.
            factory: makes the scorer that they host first; without it they get ready for that of ``host``.
            attached: whether the cluster was there before. Then nodes may join, and a CPU is left to the driver.
            notify: see the class.
            ray_api: Ray and the clock; Ray's own unless given.

        Raises:
            ZostudyError: no node can hold a replica, and none that could is expected to join.
        """
        self._ray = ray_api or RayApi()
        self._prefix = f"zostudy-replica-{uuid4().hex[:8]}-"
        self.list_replicas: ReplicaLister = partial(self._ray.find, self._prefix)
        self._wanted, self._resources, self.notify = wanted, resources, notify
        self._driver_node = self._ray.driver_node() if attached else None
        self._handles: list[Any] = []
        self._n_replaced: Counter[int] = Counter()
        self._replica_set = ReplicaSet(self._handles.copy, factory, self._ray)
        self._hang_detector = HangDetector(self._ray)
        self._known_faults: set[str] = set()
        self._over = threading.Event()
        self._checks = threading.Thread(target=self._check_again_and_again, name="zostudy-fleet", daemon=True)
        if not self._room() and (wanted == "auto" or not attached):
            awaiting = ", or set replicas to a number, which an autoscaler sees" if attached else ""
            raise ZostudyError(
                "a replica must fit on one node",
                got=f"wants {describe_demand(resources)}, and the largest has {describe_largest(self._ray.nodes())}",
                remedy=f"lower resources, or run where there is more{awaiting}",
            )
        self._add()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the replicas."""
        self._over.set()
        if self._checks.ident is not None:
            self._checks.join()
        for handle in self._handles:
            self._ray.end(handle)

    @property
    def n_made(self) -> int:
        """The number of replicas, ready or waiting for room."""
        return len(self._handles)

    @property
    def n_replicas(self) -> int:
        """The number of replicas that are ready, on nodes that were there a few seconds ago."""
        return len(self._replica_set.usable)

    def host(self, factory: ScorerFactory) -> None:
        """Gives the factory of the scorer that the replicas host first."""
        self._replica_set.factory = factory

    def await_first(self) -> None:
        """Returns when a replica has its scorer, and with it those that are ready at about the same time.

        Raises:
            NoReplicaError: those that live cannot load the model, or die while they load it.
        """
        silent_until = self._ray.now() + SILENT_SECONDS
        while not self.n_replicas:
            self._look_after(seconds=1.0)
            if self._ray.now() > silent_until or (silent_until < float("inf") and not self._room()):
                silent_until = float("inf")
                self.notify(self._reason_to_wait())
        together_until = self._ray.now() + TOGETHER_SECONDS
        while self.n_replicas < min(self._room(), len(self._handles)) and self._ray.now() < together_until:
            self._look_after(seconds=1.0)

    def keep(self, factory: ScorerFactory) -> None:
        """From now on looks after the replicas: makes more where nodes have joined, and has them host this scorer."""
        usable = self._replica_set.usable
        self._replica_set = ReplicaSet(self._handles.copy, factory, self._ray)
        self._replica_set.usable = usable
        self._checks.start()

    def _check_again_and_again(self) -> None:
        while not self._over.wait(
            SECONDS_WHILE_ONE_STARTS if self._replica_set.quarantined else SECONDS_BETWEEN_CHECKS
        ):
            self.check()

    def check(self) -> None:
        """Replaces, adds and restarts replicas as needed, once."""
        for step in (self._replace, self._add, self._look_after, self._restart_hanging):
            with contextlib.suppress(Exception):  # trouble of the cluster passes, or ends the study by its trials
                step()
        faults = {one_line_of(fault) for fault in self._replica_set.faults.values()}
        for fault in sorted(faults - self._known_faults):
            self.notify(f"a replica cannot be used: {fault}")
        self._known_faults |= faults

    def _add(self) -> None:
        """Makes the replicas that are wanted and missing."""
        wanted = self._room() if self._wanted == "auto" else self._wanted
        for number in range(len(self._handles), wanted):
            self._handles.append(self._make(str(number)))

    def _replace(self) -> None:
        """Makes replicas again whose process could not even start, which Ray gives up; each a few times."""
        failed = [number for number, replica in enumerate(self._handles) if replica in self._replica_set.faults]
        present = self.list_replicas() if failed else []
        for number in failed:
            if self._handles[number] not in present and self._n_replaced[number] < MOST_DEATHS - 1:
                self._n_replaced[number] += 1
                self._handles[number] = self._make(f"{number}-{self._n_replaced[number]}")

    def _make(self, name: str) -> Any:
        replica = self._ray.start(self._resources, self._prefix + name)
        if self._replica_set.factory is None:
            self._ray.warm(replica)
        self._replica_set.add_pending(replica)
        return replica

    def _look_after(self, seconds: float = 0.0) -> None:
        """Handles the answers of replicas in that time, and quarantines those whose node has left."""
        self._replica_set.poll(seconds)
        nodes = {node["NodeID"] for node in self._ray.nodes()}
        for replica, node in [*self._replica_set.usable.items()]:
            if node not in nodes:
                self._replica_set.quarantine(replica)
        self._replica_set.refresh()

    def _restart_hanging(self) -> None:
        for replica in self._hang_detector.hanging(self._replica_set.living):
            minutes = MOST_BATCH_SECONDS / 60
            self.notify(f"a replica has worked on one micro-batch for {minutes:.0f} minutes, and is restarted")
            self._replica_set.restart(replica)

    def _room(self) -> int:
        return capacity(self._ray.nodes(), self._resources, self._driver_node)

    def _reason_to_wait(self) -> str:
        wants = f"waiting for the first replica, which wants {describe_demand(self._resources)}"
        if self._room():
            return f"{wants}: nodes are large enough, but busy with other work, or slow to load the model"
        largest = describe_largest(self._ray.nodes())
        return f"{wants}: the largest node has {largest}; the study starts when a larger one joins"


def start_replicas(n_replicas: int, resources: ResourcesSpec, factory: ScorerFactory) -> list[Any]:
    """Returns the handles of replicas that have their scorer. Ray must be initialised, with room for them.

    Raises:
        ModelError: the model cannot be loaded.
    """
    replicas = [RayApi().start(resources) for _ in range(n_replicas)]
    try:
        ray.get([replica.ready.remote(factory) for replica in replicas])
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    return replicas
