"""The replicas that can take work: those that have answered since they last failed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from zostudy.cluster.replica import ASIDE, ScorerFactory
from zostudy.errors import NoReplicaError, ReplicaError, ZostudyError

ReplicaLister = Callable[[], Sequence[Any]]
"""Returns the handles of all replicas, those that live and those that wait for a node."""

MOST_DEATHS = 5
SECONDS_BETWEEN_LOOKS = 10.0
SECONDS_WITHOUT_ANY = 1.0
MOST_SECONDS_SILENT = 120.0
"""How long to wait for silent replicas, such as those that wait for a node, when all others have failed."""

NONE_LEFT = ReplicaError("a study must have a replica, but none has been there for minutes; see the logs of Ray")


class ReplicaSet:
    """Tracks which replicas can take work.

    A replica that is new or has failed is quarantined: a first call returns when its process lives, a second one when
    its scorer is made.

    Attributes:
        usable: node ids by the handles of the replicas that can take work.
        quarantined: handles by the reference of the call that is out.
        faults: why a replica could not make its scorer, by handle; removed when it can.
    """

    def __init__(self, list_replicas: ReplicaLister, factory: ScorerFactory) -> None:
        """Starts with no replicas; ``look`` reads the list.

        Args:
            list_replicas: returns all replicas; called again every few seconds.
            factory: makes the scorer of each.
        """
        self._list_replicas, self._factory = list_replicas, factory
        self.usable: dict[Any, str] = {}
        self.quarantined: dict[Any, Any] = {}
        self.faults: dict[Any, Exception] = {}
        self._readying: set[Any] = set()
        self._processes: dict[Any, str] = {}  # that answered last
        self._failures: Counter[Any] = Counter()
        self._present: Sequence[Any] = ()
        self._looked = float("-inf")
        self._last_sign = time.monotonic()

    @property
    def patience(self) -> float:
        """Seconds after which it is time for another look."""
        return SECONDS_BETWEEN_LOOKS if self.usable else SECONDS_WITHOUT_ANY

    def look(self) -> None:
        """Adds new replicas, and again those that could not make their scorer, if it is time to.

        Raises:
            NoReplicaError: no replica is usable, and none can become so. A replica that lives and has not failed is
                waited for, even while it works for other trials. One that does not live yet is waited for without
                limit if no other has failed, and for two minutes if others have. When all have failed, it is raised.
        """
        now = time.monotonic()
        if now - self._looked < self.patience:
            return
        self._looked = now
        self._refresh()
        known = {*self.usable, *self.quarantined.values()}
        for replica in self._present:
            if replica not in known:
                self.add_pending(replica)
        self._check_some_can_work(now)

    def _refresh(self) -> None:
        """Reads the list of replicas; while the head does not answer, the last list holds."""
        import ray

        with suppress(ray.exceptions.RayError, OSError):
            self._present = self._list_replicas()

    def _check_some_can_work(self, now: float) -> None:
        """See ``look``. The list may be empty for a moment, while a fleet replaces a replica that has ended."""
        others = {replica for replica in self._present if replica not in self.faults}
        if self.usable or others.intersection(self.quarantined[call] for call in self._readying):
            self._last_sign = now
            return
        have_all_failed = self._present and not others
        is_too_long = now - self._last_sign > MOST_SECONDS_SILENT and (self.faults or not self._present)
        if have_all_failed or is_too_long:
            raise NoReplicaError(in_one_line([NONE_LEFT, *self.faults.values()][-1]))

    def wait_for_any(self) -> None:
        """Waits until a replica is usable; see ``look`` for what it raises."""
        self._last_sign = time.monotonic()
        self.look()
        while not self.usable:
            self.take(self.patience)
            self.look()

    def take(self, seconds: float) -> None:
        """Takes the answers of quarantined replicas; waits for one up to that many seconds."""
        import ray

        if not self.quarantined:
            time.sleep(seconds)
            return
        ray.wait([*self.quarantined], timeout=seconds)
        ended, _ = ray.wait([*self.quarantined], num_returns=len(self.quarantined), timeout=0)
        for call in ended:
            self.end_call(call)

    def add_pending(self, replica: Any, ending: str | None = None) -> None:
        """Adds a replica that does not live yet, by a call that Ray repeats until it does.

        Args:
            replica: its handle.
            ending: its process that was killed, if one was.
        """
        self.quarantined[replica.alive.options(max_task_retries=-1, concurrency_group=ASIDE).remote(ending)] = replica

    def quarantine(self, replica: Any) -> None:
        """Takes a replica that has failed out of use until it answers again."""
        if self.usable.pop(replica, None) is not None:
            self.add_pending(replica)

    def restart(self, replica: Any) -> None:
        """Kills a replica's process, which Ray starts anew, and takes it out of use until it answers."""
        import ray

        ray.kill(replica, no_restart=False)
        self.usable.pop(replica, None)
        self.add_pending(replica, self._processes.get(replica))

    def end_call(self, call: Any) -> None:
        """Takes the end of a call that was out: the replica lives, is ready, or has failed."""
        import ray

        replica = self.quarantined.pop(call)
        readying = call in self._readying
        self._readying.discard(call)
        try:
            answer = ray.get(call)
        except ray.exceptions.RayTaskError as error:
            self._failed(replica, error.cause, lives=True)
        except ray.exceptions.RayError as error:
            if readying:
                died = ReplicaError("a replica must live while it loads the model, but died of it")
                self._failed(replica, died, lives=False)
            else:  # Ray would make the call again if it could make the process
                self.faults[replica] = ReplicaError(
                    f"a replica must come to life, but its process cannot start ({last_words(str(error))}); "
                    "see that its node has the zostudy that is here, or ship it with zostudy submit"
                )
        else:
            if readying:
                self.usable[replica] = answer
                self.faults.pop(replica, None)
                del self._failures[replica]
            else:
                self._processes[replica] = answer
                self._ready(replica)

    def _ready(self, replica: Any) -> None:
        """Has a replica that lives make its scorer; of which it may die again, so Ray is to try no more than once."""
        call = replica.ready.remote(self._factory)
        self.quarantined[call] = replica
        self._readying.add(call)

    def _failed(self, replica: Any, fault: Exception, lives: bool) -> None:
        """Tries again, in a fresh process, what may have been an accident; a model that cannot be loaded is none."""
        self._failures[replica] += 1
        if isinstance(fault, ZostudyError) and not isinstance(fault, ReplicaError):
            self.faults[replica] = fault
        elif self._failures[replica] < MOST_DEATHS:
            again = self.restart if lives else self.add_pending
            again(replica)
        else:
            self.faults[replica] = ReplicaError(
                f"{in_one_line(fault)}, {MOST_DEATHS} times; see that nodes have the memory and the files for it"
            )


def last_words(text: str) -> str:
    """Returns the last line that says something: of a traceback, what was raised."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"


def in_one_line(error: Exception) -> str:
    """Returns what an error says; of one that is not ours, its type too."""
    text = " ".join(str(error).split())[:500]
    return text if isinstance(error, ZostudyError) else f"{type(error).__name__}: {text}"
