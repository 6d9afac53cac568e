"""One step's calls: sent to the replicas, and sent again where one has died."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

import ray

from zostudy.cluster.micro_batches import Answer, MicroBatch
from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import MOST_DEATHS, ReplicaSet
from zostudy.errors import ReplicaError, ZostudyError

CALLS_IN_FLIGHT = 2

Call = Sequence[MicroBatch]


class Dispatch:
    """Keeps every usable replica busy with calls until each has its answer.

    When a replica dies, its calls go to the others. The oldest of them may have killed it, so it is repeated last, on
    its own and watched. A call is blamed only if its replica confirmed that it had started, not if it waited behind
    another one.
    """

    def __init__(
        self,
        replica_set: ReplicaSet,
        factory: ScorerFactory,
        ray_api: RayApi,
        on_answer: Callable[[Call, Answer], None],
    ) -> None:
        """Sends nothing yet.

        Args:
            replica_set: the replicas that can take calls.
            factory: makes the scorer; sent with each call.
            ray_api: Ray and the clock.
            on_answer: given each call and its answer, in the order in which answers come.
        """
        self._replica_set, self._factory, self._ray = replica_set, factory, ray_api
        self._on_answer = on_answer
        self._waiting: deque[Call] = deque()
        self._suspects: list[Call] = []
        self._running: dict[Any, tuple[Call, Any]] = {}  # call and replica by reference, in the order sent
        self._load: Counter[Any] = Counter()

    def run(self, calls: Sequence[Call], first: int) -> None:
        """Returns when each call has its answer; see ``RayPool.score`` for what it raises.

        Args:
            calls: the micro-batches of each.
            first: the index of the replica that gets the first call.
        """
        self._waiting.extend(calls)
        self._send_to_all(first)
        while self._waiting or self._running:
            self._wait()
            self._replica_set.refresh()
        for suspect in self._suspects:
            self._on_answer(suspect, self._call_watched(suspect))

    def _send_to_all(self, first: int = 0) -> None:
        """Sends each replica a first call before any gets a second."""
        replicas = [*self._replica_set.usable]
        start = first % max(1, len(replicas))
        for _ in range(CALLS_IN_FLIGHT):
            for replica in replicas[start:] + replicas[:start]:
                self._send_to(replica)

    def _send_to(self, replica: Any) -> None:
        """Sends the next call, a second one to a busy replica. The last calls wait for the first free replica."""
        most = CALLS_IN_FLIGHT if len(self._waiting) > len(self._replica_set.usable) else 1
        if self._waiting and self._load[replica] < most:
            call = self._waiting.popleft()
            self._running[replica.score.remote(self._factory, call)] = (call, replica)
            self._load[replica] += 1

    def _wait(self) -> None:
        """Waits until a call ends or a quarantined replica answers, and handles all that have."""
        if not self._running:
            self._replica_set.wait_for_any()
            self._send_to_all()
            return
        references = [*self._running, *self._replica_set.quarantined]
        for reference in self._ray.wait(references, self._replica_set.refresh_seconds):
            if reference in self._running:
                self._end(reference)
            elif (replica := self._replica_set.quarantined.get(reference)) is not None:
                self._replica_set.handle(reference)
                if replica in self._replica_set.usable:
                    for _ in range(CALLS_IN_FLIGHT):
                        self._send_to(replica)

    def _end(self, reference: Any) -> None:
        call, replica = self._running[reference]
        try:
            answer = self._ray.get(reference)
        except ray.exceptions.RayError as error:
            self._restart_if_raised(replica, error)
            self._take_back(replica)
        else:
            del self._running[reference]
            self._load[replica] -= 1
            self._send_to(replica)
            self._on_answer(call, answer)

    def _take_back(self, replica: Any) -> None:
        """Takes back the calls of a replica that died. It answers in the order sent, so it had begun only the first."""
        lost = {reference: call for reference, (call, where) in self._running.items() if where == replica}
        for reference in lost:
            del self._running[reference]
        del self._load[replica]
        suspect, *others = lost.values()
        self._suspects.append(suspect)
        self._waiting.extendleft(reversed(others))
        self._replica_set.quarantine(replica)
        self._send_to_all()

    def _call_watched(self, call: Call) -> Answer:
        """Returns the answer to a call that may have killed a replica.

        Raises:
            ReplicaError: it has killed too many.
        """
        for _ in range(MOST_DEATHS):
            began, cause = False, None
            while not began:
                self._replica_set.wait_for_any()
                replica = next(iter(self._replica_set.usable))
                try:
                    for reference in replica.score_watched.remote(self._factory, call):
                        answer: Answer | None = self._ray.get(reference)
                        if answer is not None:
                            return answer
                        began = True
                except ray.exceptions.RayError as error:
                    cause = self._restart_if_raised(replica, error)
                    self._replica_set.quarantine(replica)
            if cause is not None:  # a fresh process raised it, so it was no accident
                raise cause
        first, last = call[0].queries.start, call[-1].queries.stop - 1
        raise ReplicaError(
            "a micro-batch must leave its replica alive",
            got=f"{MOST_DEATHS} replicas died one after the other of queries {first} to {last} of a step",
            remedy="lower budget.batch_size, or give replicas more memory",
        )

    def _restart_if_raised(self, replica: Any, error: Exception) -> Exception | None:
        """Returns the scorer's exception, if it raised one, after a restart: its accelerator may be unusable.

        Raises:
            ZostudyError: the scorer raised this, which has nothing to do with the process.
        """
        if not isinstance(error, ray.exceptions.RayTaskError):
            return None
        cause: Exception = error.cause
        if isinstance(cause, ZostudyError):
            raise cause from None
        self._replica_set.restart(replica)
        return cause
