"""The driver without Ray Tune: trials start, get further, are saved, stopped, killed and finished in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from zostudy.config.study import StudySpec
from zostudy.errors import NoReplicaError, ResultsError
from zostudy.results.outcome import Outcome
from zostudy.results.trial_row import TrialRow
from zostudy.search.callback import Callback
from zostudy.search.driver import MOST_CLUSTER_FAULTS, MOST_TRIES, StudyDriver
from zostudy.search.plan import Assignment, Plan, make_plan
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress


class Stores:
    """Ledger and checkpoints in memory."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.states: dict[str, Any] = {}
        self.refused: list[str] = []

    def record(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def save(self, trial: str, state: Any) -> None:
        self.states[trial] = state

    def load(self, trial: str) -> Any:
        return self.states.get(trial)

    def remove(self, trial: str) -> None:
        self.states.pop(trial, None)

    def refuse(self, trial: str, reason: str) -> None:
        self.refused.append(f"{trial}: {reason}")


class Calls(Callback):
    """Counts starts and ends by trial, and keeps how many replicas there are said to be."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.starts: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.n_replicas = 1

    def on_replicas_changed(self, n_replicas: int) -> None:
        assert n_replicas != self.n_replicas
        self.n_replicas = n_replicas

    def on_trial_start(self, assignment: Assignment) -> None:
        self.starts[assignment.name] += 1

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        assert any(stored is outcome for stored in self.stores.outcomes), "the ledger is first to know"
        self.ends[assignment.name] += 1


Blank = Callable[..., TrialRow]


def outcome_of(assignment: Assignment, make_row: Blank) -> Outcome:
    """A dev AUC that depends on what was tried."""
    radius = float(assignment.params.get("perturbation_radius", 0.5))
    named = {"trial": assignment.name, "cell": assignment.cell, "stage": assignment.stage, "algorithm": "spsa"}
    row = make_row(**named, number=assignment.number, params=dict(assignment.params), queries=60)
    seed = assignment.search_seed
    return Outcome(replace(row, search_seed=seed, dev_auc=1 - abs(radius - 0.2) - 0.01 * seed))


def make_driver(plan: Plan, stores: Any, calls: Callback, n_replicas: Callable[[], int] = lambda: 1) -> StudyDriver:
    data: Any = None
    return StudyDriver(data, StudyProgress(plan, []), stores, stores, calls, n_replicas)


def run_out(driver: StudyDriver, running: list[Assignment], make_row: Blank) -> None:
    """Runs what is left, the latest first."""
    while not driver.done:
        while (assignment := driver.next()) is not None:
            driver.started(assignment)
            running.append(assignment)
        assignment = running.pop()
        driver.finished(assignment, outcome_of(assignment, make_row))


class Machine(RuleBasedStateMachine):
    """What Ray Tune, nodes and users may do to a study."""

    def __init__(self, plan: Plan, make_row: Blank, expected: dict[str, TrialRow]) -> None:
        super().__init__()
        self.make_row, self.expected = make_row, expected
        self.stores, self.n_replicas = Stores(), 1
        self.calls = Calls(self.stores)
        self.driver = make_driver(plan, self.stores, self.calls, lambda: self.n_replicas)
        self.running: list[Assignment] = []
        self.deaths: Counter[str] = Counter()
        self.begun: set[str] = set()
        self.false_starts: Counter[str] = Counter()

    def one(self, which: int) -> Assignment:
        return self.running[which % len(self.running)]

    @rule()
    @precondition(lambda self: len(self.running) < 5)
    def start(self) -> None:
        if (assignment := self.driver.next()) is not None:
            assert self.driver.started(assignment) == self.stores.states.get(assignment.name)
            self.running.append(assignment)
            self.begun.discard(assignment.name)

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.running)
    def begin(self, which: int) -> None:
        self.begun.add(self.one(which).name)
        self.false_starts.clear()
        self.driver.begun(self.one(which))

    @rule(which=st.integers(0, 9), n_replicas=st.integers(1, 3))
    @precondition(lambda self: self.running)
    def get_further(self, which: int, n_replicas: int) -> None:
        self.n_replicas = n_replicas
        self.driver.progressed(self.one(which), TrialProgress(4, 0.1, 0.5))
        assert self.calls.n_replicas == n_replicas

    @rule(which=st.integers(0, 9), state=st.integers())
    @precondition(lambda self: self.running)
    def save(self, which: int, state: int) -> None:
        assignment = self.one(which)
        self.driver.saved(assignment, {"state": state})
        self.deaths[assignment.name] = 0

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.running)
    def stop(self, which: int) -> None:
        assignment = self.one(which)
        self.running.remove(assignment)
        self.driver.stopped(assignment)

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.running)
    def die(self, which: int) -> None:
        assignment = self.one(which)
        has_begun = assignment.name in self.begun
        counted, most = (self.deaths, MOST_TRIES) if has_begun else (self.false_starts, MOST_CLUSTER_FAULTS)
        if counted[assignment.name] + 1 < most:
            counted[assignment.name] += 1
            self.running.remove(assignment)
            self.driver.died(assignment, "killed")

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.running)
    def finish(self, which: int) -> None:
        assignment = self.one(which)
        self.running.remove(assignment)
        self.driver.finished(assignment, outcome_of(assignment, self.make_row))
        assert assignment.name not in self.stores.states

    @invariant()
    def nothing_is_doubled(self) -> None:
        names = [assignment.name for assignment in self.running] + [outcome.name for outcome in self.stores.outcomes]
        assert len(names) == len({*names})

    def teardown(self) -> None:
        run_out(self.driver, self.running, self.make_row)
        assert {outcome.name: outcome.trial for outcome in self.stores.outcomes} == self.expected
        assert {*self.calls.ends.values()} == {1}
        assert self.calls.starts.keys() == self.calls.ends.keys() == self.expected.keys()
        assert not self.stores.states


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3])
def test_nothing_is_lost_doubled_or_proposed_by_timing(
    make_spec: Callable[..., StudySpec], spec: StudySpec, make_row: Blank, seeds: int
) -> None:
    search = spec.search.model_dump() | {"seeds": seeds, "p_threshold": 0.3}
    plan = make_plan(make_spec(search=search))
    stores = Stores()
    run_out(make_driver(plan, stores, Callback()), [], make_row)
    expected = {outcome.name: outcome.trial for outcome in stores.outcomes}
    assert len(expected) == plan.n_trials if seeds == 1 else len(expected) < plan.n_trials  # some seeds are lost
    machine: Any = partial(Machine, plan, make_row, expected)
    run_state_machine_as_test(machine, settings=settings(max_examples=12, stateful_step_count=40))


def test_what_ends_a_study_is_kept_whatever_wraps_it(plan: Plan, make_row: Blank) -> None:
    class Full(Stores):
        def record(self, outcome: Outcome) -> None:
            raise ResultsError("results must be writable, but are not")

    class Broken(Callback):
        def on_trial_start(self, assignment: Assignment) -> None:
            raise ZeroDivisionError

    driver = make_driver(plan, Full(), Callback())
    assignment = driver.next()
    assert assignment is not None
    with pytest.raises(ResultsError) as raised:
        driver.finished(assignment, outcome_of(assignment, make_row))
    assert driver.error is raised.value
    driver = make_driver(plan, Stores(), Broken())
    with pytest.raises(ZeroDivisionError):
        driver.started(assignment)
    assert isinstance(driver.error, ZeroDivisionError)


def test_a_state_that_cannot_be_used_is_set_aside(plan: Plan) -> None:
    stores = Stores()
    driver = make_driver(plan, stores, Callback())
    assignment = driver.next()
    assert assignment is not None
    driver.could_not_resume(assignment, "it was saved under other settings")
    assert stores.refused == [f"{assignment.name}: it was saved under other settings"]


def test_what_the_cluster_fails_at_fails_no_trial_but_ends_a_study_that_gets_no_further(plan: Plan) -> None:
    stores = Stores()
    driver = make_driver(plan, stores, Callback())
    assignment = driver.next()
    assert assignment is not None
    for has_saved in (True, False):
        for _ in range(MOST_CLUSTER_FAULTS - 1):
            driver.begun(assignment)
            driver.met_cluster_fault(assignment, "the object store is full")
            driver.stopped(assignment)
            assert driver.next() == assignment
        if has_saved:
            driver.saved(assignment, {"identity": "x"})
    with pytest.raises(NoReplicaError, match="the object store is full; all that has finished is kept"):
        driver.met_cluster_fault(assignment, "the object store is full")
    assert isinstance(driver.error, NoReplicaError)
    assert stores.outcomes == []


def test_a_study_of_which_no_process_can_start_ends(plan: Plan) -> None:
    stores = Stores()
    driver = make_driver(plan, stores, Callback())
    assignment = driver.next()
    assert assignment is not None
    for _ in range(MOST_CLUSTER_FAULTS - 1):
        driver.died(assignment, "No module named 'zostudy'")
        assert driver.next() == assignment
    with pytest.raises(
        NoReplicaError, match=r"can start \(No module named 'zostudy'\); see that every node has zostudy and"
    ):
        driver.died(assignment, "No module named 'zostudy'")
    assert stores.outcomes == []
