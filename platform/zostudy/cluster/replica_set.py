"""The replicas that can take work: those that have answered since they last failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import ray

from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import CONTROL, ScorerFactory
from zostudy.errors import NoReplicaError, ReplicaError, ZostudyError, one_line_of
from zostudy.wording import last_line

ReplicaLister = Callable[[], Sequence[Any]]
"""Returns the handles of all replicas, those that live and those that wait for a node."""

MOST_DEATHS = 5
SECONDS_BETWEEN_REFRESHES = 10.0
SECONDS_WITHOUT_ANY = 1.0
MOST_SECONDS_SILENT = 120.0
"""Silent replicas, such as those that wait for a node, are waited for this long when all others have failed."""

NONE_LEFT = ReplicaError(
    "a study must have a replica", got="there has been none for minutes", remedy="see the logs of Ray"
)


class ReplicaSet:
    """Tracks which replicas can take work.

    A replica that is new or has failed is quarantined: a first call returns when its process lives, a second one when
    its scorer is made.

    Attributes:
        usable: node ids by the handles of the replicas that can take work.
        quarantined: handles by the call that is out.
        faults: why a replica could not make its scorer, by handle; removed when it can.
        factory: makes the scorer of each.
    """

    def __init__(self, list_replicas: ReplicaLister, factory: ScorerFactory | None, ray_api: RayApi) -> None:
        """Starts with no replicas; ``refresh`` reads the list.

        Args:
            list_replicas: returns all replicas; called again every few seconds.
            factory: makes the scorer of each; None if it is set before the first replica is looked after.
            ray_api: Ray and the clock.
        """
        self._list_replicas, self._ray = list_replicas, ray_api
        self.factory = factory
        self.usable: dict[Any, str] = {}
        self.quarantined: dict[Any, Any] = {}
        self.faults: dict[Any, Exception] = {}
        self._readying: set[Any] = set()
        self._processes: dict[Any, str] = {}  # the last one of each replica that answered
        self._failures: Counter[Any] = Counter()
        self._present: Sequence[Any] = ()
        self._refreshed = float("-inf")
        self._last_sign = ray_api.now()

    @property
    def refresh_seconds(self) -> float:
        """Seconds between two refreshes."""
        return SECONDS_BETWEEN_REFRESHES if self.usable else SECONDS_WITHOUT_ANY

    @property
    def living(self) -> list[Any]:
        """The replicas whose process has answered: the usable ones, and those that have still to make their scorer."""
        return [*self.usable, *(self.quarantined[call] for call in self._readying)]

    def refresh(self) -> None:
        """Adds new replicas, and again those that could not make their scorer, if it is time to.

        Raises:
            NoReplicaError: no replica is usable, and none can become so. A replica that lives and has not failed is
                waited for, even while it works for other trials. One that does not live yet is waited for without
                limit if no other has failed, and for two minutes if others have. When all have failed, it is raised.
        """
        now = self._ray.now()
        if now - self._refreshed < self.refresh_seconds:
            return
        self._refreshed = now
        with suppress(ray.exceptions.RayError, OSError):  # while the head does not answer, the last list holds
            self._present = self._list_replicas()
        known = {*self.usable, *self.quarantined.values()}
        for replica in self._present:
            if replica not in known:
                self.add_pending(replica)
        self._check_some_can_work(now)

    def _check_some_can_work(self, now: float) -> None:
        """See ``refresh``. The list may be empty for a moment, while a fleet replaces a replica that has ended."""
        not_failed = {replica for replica in self._present if replica not in self.faults}
        if self.usable or not_failed.intersection(self.quarantined[call] for call in self._readying):
            self._last_sign = now
            return
        have_all_failed = self._present and not not_failed
        is_too_long = now - self._last_sign > MOST_SECONDS_SILENT and (self.faults or not self._present)
        if have_all_failed or is_too_long:
            last = [NONE_LEFT, *self.faults.values()][-1]
            if isinstance(last, ZostudyError):
                raise NoReplicaError(last.rule, got=last.got, remedy=last.remedy, about=last.about)
            raise NoReplicaError(one_line_of(last))

    def wait_for_any(self) -> None:
        """Waits until a replica is usable; see ``refresh`` for what it raises."""
        self._last_sign = self._ray.now()
        self.refresh()
        while not self.usable:
            self.poll(self.refresh_seconds)
            self.refresh()

    def poll(self, seconds: float) -> None:
        """Handles the answers of quarantined replicas, after waiting for one up to that long."""
        for call in self._ray.wait([*self.quarantined], seconds):
            self.handle(call)

    def add_pending(self, replica: Any, killed: str | None = None) -> None:
        """Adds a replica that does not live yet, by a call that Ray repeats until it does.

        Args:
            replica: its handle.
            killed: its process that was killed, if one was.
        """
        call = replica.alive.options(max_task_retries=-1, concurrency_group=CONTROL).remote(killed)
        self.quarantined[call] = replica

    def quarantine(self, replica: Any) -> None:
        """Takes a replica that has failed out of use until it answers again."""
        if self.usable.pop(replica, None) is not None:
            self.add_pending(replica)

    def restart(self, replica: Any) -> None:
        """Kills a replica's process, which Ray starts anew, and takes it out of use until it answers."""
        self._ray.restart(replica)
        self.usable.pop(replica, None)
        for call in [call for call in self._readying if self.quarantined[call] is replica]:
            del self.quarantined[call]
            self._readying.discard(call)
        self.add_pending(replica, self._processes.get(replica))

    def handle(self, call: Any) -> None:
        """Handles the end of a quarantined replica's call: it lives, is ready, or has failed."""
        replica = self.quarantined.pop(call)
        readying = call in self._readying
        self._readying.discard(call)
        try:
            answer = self._ray.get(call)
        except ray.exceptions.RayTaskError as error:
            self._handle_failure(replica, error.cause)
        except ray.exceptions.RayError as error:
            if readying:
                self._handle_failure(replica, None)
            else:  # Ray would repeat the call if it could start the process
                self.faults[replica] = ReplicaError(
                    "a replica must come to life",
                    got=f"its process cannot start ({last_line(error)})",
                    remedy="see that its node has the zostudy that is here, or ship it with zostudy submit",
                )
        else:
            if readying:
                self.usable[replica] = answer
                self.faults.pop(replica, None)
                del self._failures[replica]
            else:
                self._processes[replica] = answer
                self._make_ready(replica)

    def _make_ready(self, replica: Any) -> None:
        """Makes a replica that lives load its scorer. Ray does not repeat this call, which may kill the replica."""
        call = replica.ready.remote(self.factory)
        self.quarantined[call] = replica
        self._readying.add(call)

    def _handle_failure(self, replica: Any, fault: Exception | None) -> None:
        """Tries again in a fresh process, unless the model cannot be loaded or it has failed too often.

        Args:
            replica: that could not make its scorer.
            fault: that the scorer raised; None if the process died.
        """
        self._failures[replica] += 1
        if isinstance(fault, ZostudyError) and not isinstance(fault, ReplicaError):
            self.faults[replica] = fault
        elif self._failures[replica] < MOST_DEATHS:
            again = self.add_pending if fault is None else self.restart
            again(replica)
        else:
            reason = "its process died" if fault is None else one_line_of(fault)
            self.faults[replica] = ReplicaError(
                "a replica must load the model",
                got=f"failed {MOST_DEATHS} times ({reason})",
                remedy="see that nodes have the memory and the files for it",
            )
