"""The replicas that can be sent work: those that have answered since they were last seen to fail."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from zostudy.cluster.replica import ASIDE, ScorerFactory
from zostudy.errors import NoReplicaError, ReplicaError, ZostudyError

Roster = Callable[[], Sequence[Any]]
"""Gives handles of the replicas there are now, whether they live or wait for a node."""

MOST_DEATHS = 5
SECONDS_BETWEEN_LOOKS = 10.0
SECONDS_WITHOUT_ANY = 1.0
MOST_SECONDS_WITHOUT_HOPE = 120.0
"""For which replicas that give no sign of life, as those that wait for a node, are waited for where others fail."""

NONE_LEFT = ReplicaError("a study must have a replica, but none has been there for minutes; see the logs of Ray")


class Crew:
    """Knows each replica as usable, or as resting: a call is out that ends when it lives, then one that readies it.

    Attributes:
        usable: node ids by the handles of the replicas that can be sent work.
        resting: handles by the reference of the call.
        faults: why those that could not make their scorer could not; each goes when its replica can.
    """

    def __init__(self, roster: Roster, factory: ScorerFactory) -> None:
        """Knows nobody yet.

        Args:
            roster: who there is; looked at again every few seconds.
            factory: of what they host.
        """
        self._roster, self._factory = roster, factory
        self.usable: dict[Any, str] = {}
        self.resting: dict[Any, Any] = {}
        self.faults: dict[Any, Exception] = {}
        self._readying: set[Any] = set()
        self._processes: dict[Any, str] = {}  # that answered last
        self._failures: Counter[Any] = Counter()
        self._present: Sequence[Any] = ()
        self._looked = float("-inf")
        self._hoped = time.monotonic()

    @property
    def patience(self) -> float:
        """Seconds after which it is time for another look."""
        return SECONDS_BETWEEN_LOOKS if self.usable else SECONDS_WITHOUT_ANY

    def look(self) -> None:
        """Takes the replicas that are new, and those again that could not make their scorer, if it is time to.

        Raises:
            NoReplicaError: none is usable, nor to be hoped for. While a replica lives that has not failed yet, it is
                waited for, be it busy with other trials' work; one that does not live only for two minutes if others
                have failed, and for ever if none has; when all have failed, that is the end.
        """
        now = time.monotonic()
        if now - self._looked < self.patience:
            return
        self._looked = now
        self._call_the_roll()
        known = {*self.usable, *self.resting.values()}
        for replica in self._present:
            if replica not in known:
                self.expect(replica)
        self._keep_hope(now)

    def _call_the_roll(self) -> None:
        """Learns who there is; while the head does not answer, those that were there before are."""
        import ray

        with suppress(ray.exceptions.RayError, OSError):
            self._present = self._roster()

    def _keep_hope(self, now: float) -> None:
        """See ``look``; for a moment there may be none at all, when a fleet replaces one that has ended for good."""
        others = {replica for replica in self._present if replica not in self.faults}
        if self.usable or others.intersection(self.resting[call] for call in self._readying):
            self._hoped = now
            return
        have_all_failed = self._present and not others
        is_too_long = now - self._hoped > MOST_SECONDS_WITHOUT_HOPE and (self.faults or not self._present)
        if have_all_failed or is_too_long:
            raise NoReplicaError(in_one_line([NONE_LEFT, *self.faults.values()][-1]))

    def gather(self) -> None:
        """Waits until someone is usable; see ``look`` for what it raises."""
        self._hoped = time.monotonic()
        self.look()
        while not self.usable:
            self.take(self.patience)
            self.look()

    def take(self, seconds: float) -> None:
        """Takes the answers of those at rest, and waits for one for so long at most if there is none."""
        import ray

        if not self.resting:
            time.sleep(seconds)
            return
        ray.wait([*self.resting], timeout=seconds)
        ended, _ = ray.wait([*self.resting], num_returns=len(self.resting), timeout=0)
        for call in ended:
            self.wake(call)

    def expect(self, replica: Any, ending: str | None = None) -> None:
        """Takes a replica that is to come to life: by a call that Ray makes again, wherever and whenever that is.

        Args:
            replica: its handle.
            ending: its process that has been killed, if there is one.
        """
        self.resting[replica.alive.options(max_task_retries=-1, concurrency_group=ASIDE).remote(ending)] = replica

    def rest(self, replica: Any) -> None:
        """Takes a replica that has failed out of use until it answers."""
        if self.usable.pop(replica, None) is not None:
            self.expect(replica)

    def restart(self, replica: Any) -> None:
        """Ends a replica's process, of which Ray makes another, and takes it out of use until that answers."""
        import ray

        ray.kill(replica, no_restart=False)
        self.usable.pop(replica, None)
        self.expect(replica, self._processes.get(replica))

    def wake(self, call: Any) -> None:
        """Takes the end of a call that was out: the replica lives, is ready, or has failed."""
        import ray

        replica = self.resting.pop(call)
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
        self.resting[call] = replica
        self._readying.add(call)

    def _failed(self, replica: Any, fault: Exception, lives: bool) -> None:
        """Tries again, in a fresh process, what may have been an accident; a model that cannot be loaded is none."""
        self._failures[replica] += 1
        if isinstance(fault, ZostudyError) and not isinstance(fault, ReplicaError):
            self.faults[replica] = fault
        elif self._failures[replica] < MOST_DEATHS:
            again = self.restart if lives else self.expect
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
