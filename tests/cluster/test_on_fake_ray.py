"""The pool and the fleet on a fake Ray, whose clock moves from event to event: nothing sleeps, and no process starts.

Replicas start, load their scorer, die, stall, cannot start, and follow the nodes that join and leave.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    GetTimeoutError,
    RayTaskError,
    RpcError,
    RuntimeEnvSetupError,
)

from zostudy.cluster.fleet import SECONDS_BETWEEN_CHECKS, Fleet
from zostudy.cluster.hang_detector import MOST_BATCH_SECONDS, HangDetector
from zostudy.cluster.micro_batches import MicroBatch, ScoreBuffer
from zostudy.cluster.nodes import Node
from zostudy.cluster.pool import RayPool
from zostudy.cluster.ray_api import RayApi
from zostudy.cluster.replica import ScorerFactory
from zostudy.cluster.replica_set import MOST_DEATHS, MOST_SECONDS_SILENT, SECONDS_BETWEEN_REFRESHES, ReplicaSet
from zostudy.config.study import ResourcesSpec
from zostudy.errors import ModelError, NoReplicaError, ReplicaError

FACTORY = ScorerFactory(lambda: pytest.fail("a fake replica makes no scorer"), ())
MISSING = ModelError("the model must be there", got="is not", remedy="get it")
BATCH_SECONDS = 0.5
SIX_HOURS = 6 * 3600.0


@dataclass(eq=False)
class FakeCall:
    """A call's reference: what it answers or raises, once it has ended."""

    method: str
    arguments: tuple[Any, ...]
    retried: bool = False
    ended: bool = False
    answer: Any = None
    error: Exception | None = None
    items: tuple[FakeCall, ...] = ()  # of a generator

    def end(self, answer: Any = None, error: Exception | None = None) -> None:
        for call in (self, *self.items):
            if not call.ended:
                call.ended, call.answer, call.error = True, answer, error


@dataclass(eq=False)
class FakeMethod:
    """A method of an actor, with Ray's way to call it."""

    replica: FakeReplica
    name: str
    retried: bool = False

    def options(self, concurrency_group: str, max_task_retries: int = 0) -> FakeMethod:
        return FakeMethod(self.replica, self.name, retried=max_task_retries == -1)

    def remote(self, *arguments: Any) -> Any:
        items = (FakeCall("", ()), FakeCall("", ())) if self.name == "score_watched" else ()
        call = FakeCall(self.name, arguments, self.retried, items=items)
        self.replica.take(call)
        return iter(items) if items else call


@dataclass(eq=False)
class FakeReplica:
    """An actor: its process starts where there is room, loads for a while, and answers calls one after the other.

    Attributes:
        name: by which it is found.
        start_seconds: from room to a living process.
        load_seconds: that loading the scorer takes.
        fault: raised by the scorer's factory; a process that dies of it if it is "death".
        raises: raised by the scorer itself.
        stalls: whether the next micro-batch never ends.
        batch_seconds: that a micro-batch takes.
        unit: for bfloat16.
        cpus: that it takes of its node.
        broken: why no process can ever start.
        node: on which its process lives or starts.
        process: the number of the living process.
        gone: whether it has ended for good.
    """

    ray: FakeRay
    name: str
    start_seconds: float = 0.0
    load_seconds: float = 0.0
    fault: Exception | str | None = None
    raises: Exception | None = None
    stalls: bool = False
    batch_seconds: float = BATCH_SECONDS
    unit: str | None = None
    cpus: int = 1
    broken: Exception | None = None
    node: str | None = None
    process: int | None = None
    gone: bool = False
    was_alive: bool = False
    n_begun: int = 0
    batch: int | None = None
    queue: list[FakeCall] = field(default_factory=list)
    control: list[FakeCall] = field(default_factory=list)

    def __getattr__(self, name: str) -> FakeMethod:
        if name not in ("alive", "ready", "current_batch", "score", "score_watched", "bfloat16_unit"):
            raise AttributeError(name)
        return FakeMethod(self, name)

    def take(self, call: FakeCall) -> None:
        if self.gone:
            call.end(error=self.broken or ActorDiedError())
        elif call.method in ("alive", "current_batch"):
            self.control.append(call)
            self.ray.after(0.0, self.answer_control)
        elif self.process is None and self.was_alive:
            call.end(error=ActorUnavailableError("restarting", b"0" * 16))
        else:
            self.queue.append(call)
            if len(self.queue) == 1:
                self.ray.after(0.0, self.begin)

    def start(self) -> None:
        """Starts a process on a node that has room."""
        self.node = self.ray.free_node(self.cpus)
        if self.node is not None:
            self.ray.after(self.start_seconds, partial(self.come_alive, self.node))

    def come_alive(self, node: str) -> None:
        if self.gone or self.process is not None or self.node != node:
            return
        if self.broken is not None:
            self.end(self.broken)
            return
        self.process, self.was_alive, self.n_begun = next(self.ray.numbers), True, 0
        self.answer_control()
        self.begin()

    def answer_control(self) -> None:
        if self.process is None:
            return
        for call in self.control:
            call.end(str(self.process) if call.method == "alive" else self.batch)
        self.control.clear()

    def begin(self) -> None:
        """Begins the first call of the queue."""
        if self.process is None or not self.queue or self.batch is not None:
            return
        call, process = self.queue[0], self.process
        later = partial(self.ray.after, process=(self, process))
        if call.method == "ready":
            later(self.load_seconds, partial(self.end_ready, call))
        elif call.method == "bfloat16_unit":
            later(0.0, partial(self.end_call, call, self.unit))
        else:
            if call.items:
                call.items[0].end()
            self.begin_batch(call, 0)

    def begin_batch(self, call: FakeCall, index: int) -> None:
        batches: Sequence[MicroBatch] = call.arguments[1]
        if index == len(batches):
            self.batch = None
            scores = [np.stack([batch.rows, 0 * batch.rows + batch.latents[:, :1]], -1) for batch in batches]
            answer = ([part.astype(np.float32) for part in scores], self.batch_seconds * index)
            self.end_call(call, answer)
            return
        self.n_begun += 1
        self.batch = self.n_begun
        later = partial(self.ray.after, process=(self, self.process))
        if self.stalls:
            self.stalls = False
        elif self.ray.poison in batches[index].latents[:, 0]:
            later(self.batch_seconds, self.die)
        elif self.raises is not None:
            later(self.batch_seconds, partial(self.end_call, call, error=RayTaskError("score", "text", self.raises)))
        else:
            later(self.batch_seconds, partial(self.begin_batch, call, index + 1))

    def end_ready(self, call: FakeCall) -> None:
        if self.fault == "death":
            self.die()
        elif isinstance(self.fault, Exception):
            self.end_call(call, error=RayTaskError("ready", "traceback", cast(Any, self.fault)))
        else:
            self.end_call(call, self.node)

    def end_call(self, call: FakeCall, answer: Any = None, error: Exception | None = None) -> None:
        self.batch = None
        self.queue.remove(call)
        call.end(answer, error)
        self.begin()

    def die(self) -> None:
        """Its process ends; another one starts where there is room."""
        if self.process is None:
            return
        self.process, self.node, self.batch = None, None, None
        lost = [*self.queue, *(call for call in self.control if not call.retried)]
        self.queue.clear()
        self.control = [call for call in self.control if call.retried]
        for call in lost:
            call.end(error=ActorDiedError())
        self.ray.after(0.0, self.ray.place)

    def end(self, error: Exception | None = None) -> None:
        self.gone, self.process, self.node, self.batch = True, None, None, None
        for call in [*self.queue, *self.control]:
            call.end(error=error or ActorDiedError())
        self.queue.clear()
        self.control.clear()


class FakeRay(RayApi):
    """Ray, its nodes of some CPUs each, and the clock. Time passes only where somebody waits."""

    poison = -1.0  # a query whose latent is this kills its replica

    def __init__(self, **cpus: int) -> None:
        self.clock = 1000.0
        self.latest = self.clock + SIX_HOURS
        self.numbers = count()
        self.cpus = cpus or {"head": 99}
        self.replicas: list[FakeReplica] = []
        self.warmed: list[FakeReplica] = []
        self.next_replica: dict[str, Any] = {}
        self.n_looked_at = 0
        self._events: list[tuple[float, int, Callable[[], object]]] = []

    def after(
        self, seconds: float, act: Callable[[], object], process: tuple[FakeReplica, int | None] | None = None
    ) -> None:
        """Has something happen later, unless the process that it depends on has ended by then."""

        def event() -> None:
            if process is None or process[0].process == process[1]:
                act()

        heapq.heappush(self._events, (self.clock + seconds, next(self.numbers), event))

    def free_node(self, cpus: int) -> str | None:
        used = Counter[str | None]()
        for replica in self.replicas:
            used[replica.node] += replica.cpus
        return next((node for node, has in self.cpus.items() if used[node] + cpus <= has), None)

    def place(self) -> None:
        for replica in self.replicas:
            if not replica.gone and replica.node is None:
                replica.start()

    def leave(self, node: str) -> None:
        """A node leaves, with its processes."""
        del self.cpus[node]
        for replica in self.replicas:
            if replica.node == node:
                replica.node = None
                replica.die()
        self.place()

    def new(self, name: str = "", **behaviour: Any) -> FakeReplica:
        replica = FakeReplica(self, name, **behaviour)
        self.replicas.append(replica)
        replica.start()
        return replica

    # What the package asks of Ray.

    def now(self) -> float:
        return self.clock

    def wait_for(self, number: int, calls: list[Any], seconds: float) -> list[Any]:
        self.n_looked_at += len(calls)
        latest = self.clock + seconds
        while len(ended := [call for call in calls if call.ended]) < number and self._pass_time(latest):
            assert self.clock < self.latest, "nothing comes to an end"
        return ended[:number]

    def get(self, call: FakeCall) -> Any:
        while not call.ended:
            assert self._pass_time(self.latest), "nothing comes to an end"
        if call.error is not None:
            raise call.error
        return call.answer

    def start(self, resources: ResourcesSpec, name: str | None = None) -> FakeReplica:
        behaviour, self.next_replica = self.next_replica, {}
        return self.new(name or "", cpus=resources.cpus, **behaviour)

    def warm(self, replica: FakeReplica) -> None:
        self.warmed.append(replica)

    def find(self, prefix: str) -> list[Any]:
        return [replica for replica in self.replicas if replica.name.startswith(prefix) and not replica.gone]

    def restart(self, replica: FakeReplica) -> None:
        replica.die()

    def end(self, replica: FakeReplica) -> None:
        replica.end()

    def nodes(self) -> list[Node]:
        return [{"NodeID": node, "Alive": True, "Resources": {"CPU": cpus}} for node, cpus in self.cpus.items()]

    def driver_node(self) -> str:
        return "head"

    def _pass_time(self, latest: float) -> bool:
        """Lets the next event happen; returns False when none does by then."""
        if not self._events or self._events[0][0] > latest:
            self.clock = max(self.clock, latest)
            return False
        self.clock, _, event = heapq.heappop(self._events)
        event()
        return True


class OnceBuffer(ScoreBuffer):
    """Takes each micro-batch once."""

    def add(self, batch: MicroBatch, scores: NDArray[np.float32]) -> None:
        assert not self.known[batch.queries, batch.columns].any(), "a micro-batch was answered twice"
        super().add(batch, scores)


def score(pool: RayPool, latents: NDArray[np.float32], n_examples: int, group: int = 1) -> OnceBuffer:
    rows = np.arange(len(latents) * n_examples, dtype=np.int32).reshape(len(latents), n_examples)
    buffer = OnceBuffer(rows.shape)
    cast(FakeRay, pool._ray).latest = pool._ray.now() + SIX_HOURS
    pool.score(latents, rows, seed=0, group=group, buffer=buffer)
    return buffer


def check(buffer: ScoreBuffer, latents: NDArray[np.float32]) -> None:
    """Each score names its example and its query."""
    assert buffer.known.all()
    np.testing.assert_array_equal(buffer.scores[..., 0].ravel(), np.arange(buffer.known.size))
    np.testing.assert_array_equal(buffer.scores[..., 1], np.broadcast_to(latents, buffer.known.shape))


class ClusterMachine(RuleBasedStateMachine):
    """A fleet and a pool on nodes that join and leave; each step's queries are answered once, or the error names them.

    Rules plan what will happen; it happens while ``score`` runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ray = FakeRay(head=3)
        self.notes: list[str] = []
        self.fleet = Fleet("auto", ResourcesSpec(), FACTORY, True, self.notes.append, self.ray)
        self.fleet.await_first()
        self.pool = RayPool(self.fleet.list_replicas, FACTORY, 4, 0, self.ray)
        self.n_planned = 0  # a micro-batch that is interrupted as often as a poisonous one would be blamed
        self._check_fleet()

    def _check_fleet(self) -> None:
        self.fleet.check()
        self.ray.after(SECONDS_BETWEEN_CHECKS, self._check_fleet)

    @precondition(lambda self: self.n_planned < MOST_DEATHS - 1)
    @rule(replica=st.integers(0, 9), seconds=st.floats(0, 10), how=st.sampled_from(["die", "stall"]))
    def disturb(self, replica: int, seconds: float, how: str) -> None:
        chosen = self.ray.replicas[replica % len(self.ray.replicas)]
        self.ray.after(seconds, chosen.die if how == "die" else partial(setattr, chosen, "stalls", True))
        self.n_planned += 1

    @precondition(lambda self: len(self.ray.cpus) < 4)
    @rule(cpus=st.integers(1, 3), seconds=st.floats(0, 10))
    def join(self, cpus: int, seconds: float) -> None:
        name = f"node-{next(self.ray.numbers)}"

        def join() -> None:
            self.ray.cpus[name] = cpus
            self.ray.place()

        self.ray.after(seconds, join)

    @precondition(lambda self: self.n_planned < MOST_DEATHS - 1 and len(self.ray.cpus) > 1)
    @rule(node=st.integers(0, 9), seconds=st.floats(0, 10))
    def leave(self, node: int, seconds: float) -> None:
        def leave() -> None:
            others = [name for name in self.ray.cpus if name != "head"]
            if others:
                self.ray.leave(others[node % len(others)])

        self.ray.after(seconds, leave)
        self.n_planned += 1

    @rule(start=st.floats(0, 30), load=st.floats(0, 30), broken=st.booleans())
    def next_replica(self, start: float, load: float, broken: bool) -> None:
        error = ActorDiedError() if broken else None
        self.ray.next_replica = {"start_seconds": start, "load_seconds": load, "broken": error}

    @rule(n_queries=st.integers(1, 12), n_examples=st.integers(1, 9), group=st.integers(1, 3))
    def score(self, n_queries: int, n_examples: int, group: int) -> None:
        latents = np.arange(n_queries, dtype=np.float32)[:, None]
        check(score(self.pool, latents, n_examples, group), latents)
        self.ray.wait([], seconds=10.0)  # all that was planned has happened by then
        for replica in self.ray.replicas:
            replica.stalls = False
        self.n_planned = 0

    @precondition(lambda self: not self.n_planned)
    @rule(n_queries=st.integers(1, 12), n_examples=st.integers(1, 9), poison=st.integers(0, 11))
    def score_with_a_poisonous_query(self, n_queries: int, n_examples: int, poison: int) -> None:
        latents = np.arange(n_queries, dtype=np.float32)[:, None]
        self.ray.poison = float(poison % n_queries)
        buffer = OnceBuffer((n_queries, n_examples))
        rows = np.arange(buffer.known.size, dtype=np.int32).reshape(buffer.known.shape)
        self.ray.latest = self.ray.now() + SIX_HOURS
        with pytest.raises(ReplicaError) as blamed:
            self.pool.score(latents, rows, seed=0, buffer=buffer)
        first, last = map(int, re.findall(r"queries (\d+) to (\d+)", blamed.value.got)[0])
        assert first <= self.ray.poison <= last
        unknown = {int(query) for query in np.flatnonzero(~buffer.known.all(axis=1))}
        assert self.ray.poison in unknown
        self.ray.poison = -1.0

    @invariant()
    def no_replica_is_both_usable_and_quarantined(self) -> None:
        for replica_set in (self.fleet._replica_set, self.pool._replica_set):
            assert not {*replica_set.usable} & {*replica_set.quarantined.values()}


TestCluster = ClusterMachine.TestCase
TestCluster.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


def replica_set_of(ray: FakeRay, *replicas: FakeReplica) -> ReplicaSet:
    return ReplicaSet(lambda: replicas, FACTORY, ray)


def test_a_replica_that_is_busy_with_other_work_is_waited_for_though_another_fails() -> None:
    ray = FakeRay()
    busy = ray.new(load_seconds=3 * MOST_SECONDS_SILENT)
    replica_set = replica_set_of(ray, ray.new(fault=MISSING), busy)
    replica_set.wait_for_any()
    assert [*replica_set.usable] == [busy]


def test_a_replica_that_starts_later_is_waited_for_though_another_has_failed() -> None:
    ray = FakeRay()
    late = ray.new(start_seconds=MOST_SECONDS_SILENT / 2)
    replica_set = replica_set_of(ray, ray.new(fault=MISSING), late)
    replica_set.wait_for_any()
    assert [*replica_set.usable] == [late]


def test_the_only_good_replica_may_die_and_come_back() -> None:
    ray = FakeRay()
    good = ray.new()
    replica_set = replica_set_of(ray, ray.new(fault=MISSING), good)
    replica_set.wait_for_any()
    good.start_seconds, good.load_seconds = MOST_SECONDS_SILENT / 2, MOST_SECONDS_SILENT
    for _ in range(3):
        ray.wait([], seconds=3 * MOST_SECONDS_SILENT)
        good.die()
        replica_set.quarantine(good)
        replica_set.wait_for_any()
        assert [*replica_set.usable] == [good]


def test_when_all_replicas_have_failed_the_study_ends_at_once() -> None:
    ray = FakeRay()
    replica_set = replica_set_of(ray, ray.new(fault=MISSING), ray.new(load_seconds=30.0, fault=MISSING))
    begun = ray.now()
    with pytest.raises(NoReplicaError) as refused:
        replica_set.wait_for_any()
    assert (refused.value.rule, refused.value.got, refused.value.remedy) == (MISSING.rule, MISSING.got, MISSING.remedy)
    assert not isinstance(refused.value, ReplicaError)
    assert ray.now() - begun < 30.0 + SECONDS_BETWEEN_REFRESHES


def test_a_silent_replica_is_waited_for_as_long_as_no_other_has_failed() -> None:
    ray = FakeRay()
    late = ray.new(start_seconds=100 * MOST_SECONDS_SILENT)
    replica_set = replica_set_of(ray, late)
    replica_set.wait_for_any()
    assert [*replica_set.usable] == [late]
    begun = ray.now()
    silent = ray.new(start_seconds=100 * MOST_SECONDS_SILENT)
    with pytest.raises(NoReplicaError) as refused:
        replica_set_of(ray, silent, ray.new(fault=MISSING)).wait_for_any()
    assert refused.value.rule == MISSING.rule
    assert 0 <= ray.now() - begun - MOST_SECONDS_SILENT < SECONDS_BETWEEN_REFRESHES


def test_a_replica_that_could_not_make_its_scorer_is_tried_again() -> None:
    ray = FakeRay()
    good, sick = ray.new(), ray.new(fault=MISSING)
    replica_set = replica_set_of(ray, sick, good)
    replica_set.wait_for_any()
    replica_set.poll(1.0)
    assert [*replica_set.faults] == [sick]
    sick.fault = None
    ray.wait([], seconds=SECONDS_BETWEEN_REFRESHES)
    replica_set.refresh()
    replica_set.poll(1.0)
    replica_set.poll(1.0)
    assert {*replica_set.usable} == {good, sick}
    assert not replica_set.faults


@pytest.mark.parametrize("trouble", [RpcError("no route to host", 14), GetTimeoutError("no answer"), OSError("gone")])
def test_while_the_head_does_not_answer_the_last_list_of_replicas_holds(trouble: Exception) -> None:
    ray, n_calls = FakeRay(), 0
    good = ray.new()

    def list_replicas() -> list[Any]:
        nonlocal n_calls
        n_calls += 1
        if n_calls != 2:
            raise trouble
        return [good]

    replica_set = ReplicaSet(list_replicas, FACTORY, ray)
    replica_set.wait_for_any()
    for _ in range(3):
        replica_set.quarantine(good)
        ray.wait([], seconds=SECONDS_BETWEEN_REFRESHES)
        replica_set.wait_for_any()
        assert [*replica_set.usable] == [good]
    assert n_calls == 5


IMPORT_ERROR: Any = RayTaskError("R", "Traceback:\n  File\nImportError: No module named 'x'\n", cast(Any, None))


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ActorDiedError(IMPORT_ERROR), "ImportError: No"), (RuntimeEnvSetupError("pip failed"), "pip failed")],
)
def test_a_process_that_cannot_start_is_explained_by_what_it_raised(error: Exception, reason: str) -> None:
    ray = FakeRay()
    with pytest.raises(NoReplicaError) as refused:
        replica_set_of(ray, ray.new(broken=error)).wait_for_any()
    assert refused.value.got.startswith("its process cannot start (")
    assert reason in refused.value.got


def test_a_study_without_any_replica_for_minutes_ends() -> None:
    ray = FakeRay()
    begun = ray.now()
    with pytest.raises(NoReplicaError) as refused:
        replica_set_of(ray).wait_for_any()
    assert refused.value.rule == "a study must have a replica"
    assert ray.now() - begun > MOST_SECONDS_SILENT


@pytest.mark.parametrize(
    ("fault", "reason"), [("death", "its process died"), (OSError("stale file handle"), "OSError: stale file handle")]
)
def test_an_accident_while_the_scorer_is_made_is_tried_again_a_few_times(fault: Any, reason: str) -> None:
    ray = FakeRay()
    sick = ray.new(fault=fault)
    with pytest.raises(NoReplicaError) as refused:
        RayPool(lambda: [sick], FACTORY, ray_api=ray).score(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.int32), 0)
    assert refused.value.got == f"failed {MOST_DEATHS} times ({reason})"

    recovering = ray.new(fault=fault)
    ray.after(0.0, partial(setattr, recovering, "fault", None))
    latents = np.zeros((6, 1), np.float32)
    check(score(RayPool(lambda: [recovering], FACTORY, ray_api=ray), latents, n_examples=4), latents)


def test_a_scorers_error_that_a_fresh_process_repeats_is_raised() -> None:
    ray = FakeRay()
    replica = ray.new(raises=RuntimeError("device-side assert"))
    with pytest.raises(RuntimeError, match=r"^device-side assert$"):
        score(RayPool(lambda: [replica], FACTORY, ray_api=ray), np.zeros((6, 1), np.float32), n_examples=4)


@pytest.mark.parametrize(("n_batches", "n_calls"), [(3, 3), (20, 4), (80, 10), (400, 50)])
def test_a_long_queue_has_several_micro_batches_a_call_but_never_many(n_batches: int, n_calls: int) -> None:
    ray = FakeRay()
    replica, answers = ray.new(), count()
    buffer = ScoreBuffer((n_batches, 8), on_answer=lambda: cast(None, next(answers)))
    latents, rows = np.zeros((n_batches, 1), np.float32), np.zeros((n_batches, 8), np.int32)
    RayPool(lambda: [replica], FACTORY, 8, ray_api=ray).score(latents, rows, seed=0, buffer=buffer)
    assert next(answers) == n_calls


@pytest.mark.parametrize("n_replicas", [100, 250])
def test_what_ray_looks_at_for_an_answer_does_not_grow_with_the_calls_that_are_out(n_replicas: int) -> None:
    ray = FakeRay(head=n_replicas)
    for number in range(n_replicas):
        ray.new(batch_seconds=0.02 + 0.02 * number / n_replicas)
    pool, latents = RayPool(lambda: ray.replicas, FACTORY, 1, ray_api=ray), np.zeros((8 * n_replicas, 1), np.float32)
    score(pool, latents, n_examples=1)
    ray.n_looked_at = 0
    check(score(pool, latents, n_examples=1), latents)
    n_calls = len(latents) // 2
    assert ray.n_looked_at < 200 * n_calls


def test_a_replica_hangs_when_it_makes_no_progress_however_many_calls_wait() -> None:
    ray = FakeRay()
    replica = ray.new(stalls=True)
    detector = HangDetector(ray)

    def hanging(seconds: float = 0.0) -> list[Any]:
        ray.wait([], seconds)
        found = detector.hanging([replica])
        ray.wait([], seconds=1e-3)  # for the answer to the call that is out now
        return found

    batches = [MicroBatch(slice(0, 1), slice(0, 1), np.zeros((1, 1), np.float32), np.zeros((1, 1), np.int32), 0, 1)]
    calls = [replica.score.remote(FACTORY, batches * 2) for _ in range(2)]
    ray.wait([], seconds=1e-3)
    assert hanging() == hanging() == []
    assert hanging(MOST_BATCH_SECONDS - 1) == []
    assert hanging(2) == [replica]
    replica.begin_batch(calls[0], 0)  # it goes on
    ray.get(calls[1])
    for _ in range(3):  # with nothing to do it does not hang
        assert hanging(MOST_BATCH_SECONDS + 1) == []


def test_replicas_that_hang_again_before_they_have_told_the_fleet_that_they_are_ready_are_restarted_again() -> None:
    machine = ClusterMachine()
    for replica in machine.ray.replicas:
        for seconds in (0.0, 1.0):
            machine.ray.after(seconds, partial(setattr, replica, "stalls", True))
    latents = np.arange(2, dtype=np.float32)[:, None]
    check(score(machine.pool, latents, n_examples=3), latents)
    assert machine.ray.now() < 1000.0 + 4 * MOST_BATCH_SECONDS
    assert len(machine.notes) > len(machine.ray.replicas)


@pytest.mark.parametrize(
    ("units", "expected"), [(("amx_bf16", "avx512_bf16"), True), (("amx_bf16", None), False), ((None, None), False)]
)
def test_one_replica_without_fast_bfloat16_is_enough(units: tuple[str | None, ...], expected: bool) -> None:
    ray = FakeRay()
    pool = RayPool(lambda: ray.replicas, FACTORY, ray_api=ray)
    for unit in units:
        ray.new(unit=unit)
    pool._replica_set.wait_for_any()
    pool._replica_set.poll(1.0)
    assert len(pool._replica_set.usable) == 2
    assert pool.have_bfloat16() == expected


def test_the_first_replica_waits_a_little_for_others_and_the_user_learns_what_it_waits_for() -> None:
    ray, notes = FakeRay(head=1), list[str]()
    with Fleet(2, ResourcesSpec(cpus=2), FACTORY, True, notes.append, ray) as fleet:
        ray.after(5.0, partial(ray.cpus.update, {"large": 4}))
        ray.after(5.0, ray.place)
        fleet.await_first()
        assert (fleet.n_made, fleet.n_replicas) == (2, 2)
    assert all(replica.gone for replica in ray.replicas)
    [line] = notes
    assert line.startswith("waiting for the first replica, which wants 2 CPUs: the largest node has 1 CPU; ")


def test_replicas_that_start_before_their_scorer_is_there_get_ready_and_then_host_it() -> None:
    ray = FakeRay(head=2)
    with Fleet(2, ResourcesSpec(), None, False, pytest.fail, ray) as fleet:
        ray.wait([], 5.0)
        assert (ray.warmed, fleet.n_replicas) == (ray.replicas, 0)
        fleet.host(FACTORY)
        fleet.await_first()
        fleet.keep(FACTORY)
        assert fleet.n_replicas == len(ray.warmed) == 2


@pytest.mark.parametrize(("n_broken", "n_made"), [(1, 3), (99, 1 + MOST_DEATHS)])
def test_a_replica_that_cannot_start_is_made_again_a_few_times(n_broken: int, n_made: int) -> None:
    ray, notes = FakeRay(), list[str]()
    fleet = Fleet(1, ResourcesSpec(), FACTORY, False, notes.append, ray)
    fleet.await_first()
    fleet._wanted = 2
    for _ in range(50):
        broken = len(ray.replicas) <= n_broken
        ray.next_replica = {"broken": ActorDiedError(IMPORT_ERROR)} if broken else {}
        fleet.check()
        ray.wait([], seconds=SECONDS_BETWEEN_CHECKS)
    assert len(ray.replicas) == n_made
    assert fleet.n_replicas == (2 if n_broken == 1 else 1)
    [line] = notes
    assert "its process cannot start (ImportError: No module named 'x')" in line
