"""Which replicas are waited for, and when it ends. Replicas and clock are played; a call takes a number of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import ray
from ray.exceptions import ActorDiedError, GetTimeoutError, RayTaskError, RpcError, RuntimeEnvSetupError

from zostudy.cluster import replica_set as under_test
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import MOST_SECONDS_SILENT, SECONDS_BETWEEN_LOOKS, ReplicaSet
from zostudy.errors import ModelError, NoReplicaError

NEVER = float("inf")
MISSING = ModelError("the model must be there, but is not; get it")


class Clock:
    now = 1000.0


@dataclass(eq=False)
class Call:
    ends: float
    error: Exception | None


@dataclass(eq=False)
class Method:
    clock: Clock
    seconds: float
    error: Exception | None = None

    def options(self, **options: Any) -> Method:
        return self

    def remote(self, *arguments: Any) -> Call:
        return Call(self.clock.now + self.seconds, self.error)


@dataclass(eq=False)
class Replica:
    """Plays a replica: lives after so many seconds, and has its scorer, or fails, after so many more."""

    clock: Clock
    lives: float = 0.0
    readies: float = 0.0
    fault: Exception | None = None
    alive: Method = field(init=False)
    ready: Method = field(init=False)

    def __post_init__(self) -> None:
        error = self.fault and RayTaskError("ready", "traceback", self.fault)
        self.alive = Method(self.clock, self.lives)
        self.ready = Method(self.clock, self.readies, error)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    def wait(calls: Sequence[Call], num_returns: int = 1, timeout: float = 0.0) -> tuple[list[Call], list[Call]]:
        soonest = min(call.ends for call in calls)
        clock.now = max(clock.now, min(clock.now + timeout, soonest))
        return [call for call in calls if call.ends <= clock.now], []

    def get(call: Call) -> str:
        if call.error is not None:
            raise call.error
        return "a node"

    monkeypatch.setattr(ray, "wait", wait)
    monkeypatch.setattr(ray, "get", get)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(under_test.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(under_test.time, "sleep", sleep)
    return clock


def crew_of(*replicas: Replica) -> ReplicaSet:
    return ReplicaSet(lambda: replicas, ScorerFactory(int, ()))


def test_one_that_is_well_but_busy_with_other_work_is_waited_for_though_another_fails(clock: Clock) -> None:
    well = Replica(clock, readies=3 * MOST_SECONDS_SILENT)
    replica_set = crew_of(Replica(clock, fault=MISSING), well)
    replica_set.wait_for_any()
    assert [*replica_set.usable] == [well]


def test_one_that_comes_up_later_is_waited_for_though_another_has_failed(clock: Clock) -> None:
    well = Replica(clock, lives=MOST_SECONDS_SILENT / 2)
    replica_set = crew_of(Replica(clock, fault=MISSING), well)
    replica_set.wait_for_any()
    assert [*replica_set.usable] == [well]


def test_the_only_good_one_may_die_and_come_back(clock: Clock) -> None:
    well = Replica(clock)
    replica_set = crew_of(Replica(clock, fault=MISSING), well)
    replica_set.wait_for_any()
    for _ in range(3):
        clock.now += 3 * MOST_SECONDS_SILENT
        well.alive.seconds, well.ready.seconds = MOST_SECONDS_SILENT / 2, MOST_SECONDS_SILENT
        replica_set.quarantine(well)
        replica_set.wait_for_any()
        assert [*replica_set.usable] == [well]


def test_when_all_have_failed_that_is_the_end_at_once(clock: Clock) -> None:
    begun = clock.now
    replica_set = crew_of(Replica(clock, fault=MISSING), Replica(clock, readies=30.0, fault=MISSING))
    with pytest.raises(NoReplicaError, match=r"^the model must be there, but is not; get it$"):
        replica_set.wait_for_any()
    assert clock.now - begun < 30.0 + SECONDS_BETWEEN_LOOKS


def test_one_that_gives_no_sign_of_life_is_waited_for_as_long_as_none_has_failed(clock: Clock) -> None:
    begun, late = clock.now, Replica(clock, lives=100 * MOST_SECONDS_SILENT)
    replica_set = crew_of(late)
    replica_set.wait_for_any()
    assert [*replica_set.usable] == [late]
    waiting = crew_of(late, Replica(clock, fault=MISSING))
    begun = clock.now
    with pytest.raises(NoReplicaError, match="the model must be there"):
        waiting.wait_for_any()
    assert 0 <= clock.now - begun - MOST_SECONDS_SILENT < SECONDS_BETWEEN_LOOKS


def test_one_that_could_not_make_its_scorer_is_tried_again(clock: Clock) -> None:
    well, sick = Replica(clock), Replica(clock, fault=MISSING)
    replica_set = crew_of(sick, well)
    replica_set.wait_for_any()
    replica_set.take(0.0)
    replica_set.take(0.0)
    assert [*replica_set.faults] == [sick]
    sick.ready.error = None
    clock.now += SECONDS_BETWEEN_LOOKS
    replica_set.look()
    replica_set.take(0.0)
    replica_set.take(0.0)
    assert {*replica_set.usable} == {well, sick}
    assert not replica_set.faults


@pytest.mark.parametrize("trouble", [RpcError("no route to host", 14), GetTimeoutError("no answer"), OSError("gone")])
def test_while_the_head_does_not_answer_who_was_there_is_there(clock: Clock, trouble: Exception) -> None:
    well, calls = Replica(clock), 0

    def list_replicas() -> list[Any]:
        nonlocal calls
        calls += 1
        if calls != 2:
            raise trouble
        return [well]

    replica_set = ReplicaSet(list_replicas, ScorerFactory(int, ()))
    replica_set.wait_for_any()
    for _ in range(3):
        replica_set.quarantine(well)
        clock.now += SECONDS_BETWEEN_LOOKS
        replica_set.wait_for_any()
        assert [*replica_set.usable] == [well]
    assert calls == 5


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ActorDiedError(RayTaskError("R", "Traceback:\n  File\nImportError: No module named 'x'\n", None)),
            "ImportError: No",
        ),
        (RuntimeEnvSetupError("pip failed"), "pip failed"),
    ],
)
def test_a_process_that_cannot_start_is_told_of_with_what_it_raised(
    clock: Clock, error: Exception, reason: str
) -> None:
    broken = Replica(clock)
    broken.alive.error = error
    with pytest.raises(NoReplicaError, match=rf"but its process cannot start \({reason}.*\); see that its node has"):
        crew_of(broken).wait_for_any()


def test_where_there_is_none_for_minutes_none_is_waited_for(clock: Clock) -> None:
    begun = clock.now
    with pytest.raises(NoReplicaError, match="must have a replica, but none has been there for minutes"):
        crew_of().wait_for_any()
    assert clock.now - begun > MOST_SECONDS_SILENT
