"""One step's calls: sent to the replicas, and sent again where one has died."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import MOST_DEATHS, ReplicaSet
from zostudy.cluster.units import Answer, Unit
from zostudy.errors import ReplicaError, ZostudyError

CALLS_IN_FLIGHT = 2


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
        calls: Sequence[Sequence[Unit]],
        turn: int,
        take: Callable[[int, Answer], None],
    ) -> None:
        """Sends nothing yet.

        Args:
            replica_set: the replicas that can take calls.
            factory: comes with each of them.
            calls: the units of each.
            turn: the index of the replica that gets the first call.
            take: given each call's index and answer, in the order in which answers come.
        """
        self._replica_set, self._factory, self._calls, self._turn, self._take_answer = (
            replica_set,
            factory,
            calls,
            turn,
            take,
        )
        self._waiting = deque(range(len(calls)))
        self._suspects: list[int] = []
        self._running: dict[Any, tuple[int, Any]] = {}  # call and replica by reference, in the order sent
        self._load: Counter[Any] = Counter()

    def run(self) -> None:
        """Returns when each call has its answer; see ``RayPool.score`` for what it raises."""
        self._send_to_all()
        while self._waiting or self._running:
            self._take()
            self._replica_set.look()
        for index in self._suspects:
            self._take_answer(index, self._call_watched(index))

    def _send_to_all(self) -> None:
        """Sends everyone a first call before anyone gets a second."""
        replicas = [*self._replica_set.usable]
        start = self._turn % max(1, len(replicas))
        for _ in range(CALLS_IN_FLIGHT):
            for replica in replicas[start:] + replicas[:start]:
                self._send_to(replica)

    def _send_to(self, replica: Any) -> None:
        """Sends the next call, a second one to a busy replica; but the last ones wait for whoever is free first."""
        most = CALLS_IN_FLIGHT if len(self._waiting) > len(self._replica_set.usable) else 1
        if self._waiting and self._load[replica] < most:
            index = self._waiting.popleft()
            self._running[replica.score.remote(self._factory, self._calls[index])] = (index, replica)
            self._load[replica] += 1

    def _take(self) -> None:
        """Waits until something ends, be it a call or a replica's rest, and takes all that has ended."""
        import ray

        if not self._running:
            self._replica_set.wait_for_any()
            self._send_to_all()
            return
        calls = [*self._running, *self._replica_set.quarantined]
        ray.wait(calls, timeout=self._replica_set.patience)
        ended, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
        for call in ended:
            if call in self._running:
                self._end(call)
            elif call in self._replica_set.quarantined:
                self._replica_set.end_call(call)
                self._send_to_all()

    def _end(self, call: Any) -> None:
        import ray

        index, replica = self._running[call]
        try:
            answer = ray.get(call)
        except ray.exceptions.RayError as error:
            self._end_if_sick(replica, error)
            self._lose(replica)
        else:
            del self._running[call]
            self._load[replica] -= 1
            self._send_to(replica)
            self._take_answer(index, answer)

    def _lose(self, replica: Any) -> None:
        """Takes back what a replica had when it died; calls are answered in the order sent, so the first was next."""
        lost = {call: index for call, (index, where) in self._running.items() if where == replica}
        for call in lost:
            del self._running[call]
        del self._load[replica]
        suspect, *others = lost.values()
        self._suspects.append(suspect)
        self._waiting.extendleft(reversed(others))
        self._replica_set.quarantine(replica)
        self._send_to_all()

    def _call_watched(self, index: int) -> Answer:
        """Returns the answer to a call that may have killed a replica.

        Raises:
            ReplicaError: it has killed as many as may be.
        """
        import ray

        for _ in range(MOST_DEATHS):
            began, cause = False, None
            while not began:
                self._replica_set.wait_for_any()
                replica = next(iter(self._replica_set.usable))
                try:
                    for item in replica.score_watched.remote(self._factory, self._calls[index]):
                        answer: Answer | None = ray.get(item)
                        if answer is not None:
                            return answer
                        began = True
                except ray.exceptions.RayError as error:
                    cause = self._end_if_sick(replica, error)
                    self._replica_set.quarantine(replica)
            if cause is not None:  # a fresh process raised it, so it was no accident
                raise cause
        raise ReplicaError(
            f"a unit of work must leave its replica alive, but {MOST_DEATHS} replicas died of it one after the other; "
            "lower budget.batch_size, or give replicas more memory"
        )

    def _end_if_sick(self, replica: Any, error: Exception) -> Exception | None:
        """Returns what the scorer raised, if it did; the process may have its accelerator in ruins, so it ends.

        Raises:
            ZostudyError: the scorer raised this, which has nothing to do with the process.
        """
        import ray

        if not isinstance(error, ray.exceptions.RayTaskError):
            return None
        cause: Exception = error.cause
        if isinstance(cause, ZostudyError):
            raise cause from None
        self._replica_set.restart(replica)
        return cause
