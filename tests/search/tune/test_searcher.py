"""What the searcher answers Tune: who runs, who is tried again, and when one more process is worth its start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.search import Searcher

from zostudy.cluster.pool import LocalPool
from zostudy.results.checkpoints import Checkpoints, SavedState
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.search.callback import Callback
from zostudy.search.driver import MOST_CLUSTER_FAULTS, MOST_TRIES, StudyDriver
from zostudy.search.plan import Assignment, Plan
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData
from zostudy.search.trial import TrialProgress
from zostudy.search.tune import pace as under_test
from zostudy.search.tune.pace import SECONDS_BETWEEN_STARTS, Pace
from zostudy.search.tune.searcher import StudySearcher

HERE = {"node_ip": "10.0.0.1"}


@dataclass
class Tune:
    """Plays Tune's part: processes that trials run in, and a clock."""

    folder: Path
    plan: Plan
    data: StudyData
    scorer: Any
    limit: int = 3
    now: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.progress = StudyProgress(self.plan, [])
        self.pace = Pace(limit=lambda: self.limit, notify=self.told.append)
        ledger, outcomes = Ledger(self.folder), self.outcomes

        class Ends(Callback):
            def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
                outcomes.append(outcome)

        driver = StudyDriver(self.data, self.progress, ledger, Checkpoints(ledger.storage), Ends(), lambda: 1)
        self.searcher = StudySearcher(driver, self.pace)
        self.n_suggested = 0

    def outcome(self, assignment: Assignment) -> Outcome:
        return run_trial(self.plan.spec, assignment, self.data, LocalPool(self.scorer), lambda progress: None)

    def fill(self) -> dict[str, Assignment]:
        """Asks until there is no more to start for now."""
        started: dict[str, Assignment] = {}
        while (config := self.searcher.suggest(f"t{self.n_suggested}")) not in (None, Searcher.FINISHED):
            assert isinstance(config, dict)
            started[f"t{self.n_suggested}"] = config["assignment"]
            self.n_suggested += 1
        return started

    def report(
        self, trial_id: str, process: int, saved: tuple[SavedState, ...] = (), outcome: Any = None, **news: Any
    ) -> None:
        result: dict[str, Any] = {
            **HERE,
            "pid": process,
            "progress": TrialProgress(1, 0.0, None),
            "saved": [*saved],
            "outcome": [outcome] if outcome else [],
            "fault": None,
            "cluster_fault": None,
            "refused": None,
        }
        self.searcher.on_trial_result(trial_id, result | news)

    def begin(self, trial_id: str) -> None:
        self.report(trial_id, 1, progress=None)

    def end(self, trial_id: str, process: int, assignment: Assignment) -> None:
        self.report(trial_id, process, outcome=self.outcome(assignment))
        self.searcher.on_trial_complete(trial_id)

    def die(self, trial_id: str, reason: str = "killed") -> None:
        self.searcher.on_trial_complete(trial_id, error=True)
        self.searcher.on_trial_error(trial_id, reason)


@pytest.fixture
def make_tune(
    plan: Plan, data: StudyData, scorer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Tune]:
    def make(**settings: Any) -> Tune:
        tune = Tune(tmp_path, plan, data, scorer, **settings)
        monkeypatch.setattr("time.monotonic", lambda: tune.now)
        return tune

    return make


def test_no_more_run_than_the_replicas_bear_and_more_when_there_are_more(make_tune: Callable[..., Tune]) -> None:
    tune = make_tune(limit=2)
    assert len(tune.fill()) == 2
    tune.limit, tune.now = 3, SECONDS_BETWEEN_STARTS
    assert len(tune.fill()) == 1


@pytest.mark.slow
def test_a_study_is_run_to_its_end_each_trial_once(make_tune: Callable[..., Tune], plan: Plan) -> None:
    tune = make_tune()
    running = tune.fill()
    while running:
        trial_id = next(iter(running))
        tune.end(trial_id, 1, running.pop(trial_id))
        tune.now += SECONDS_BETWEEN_STARTS
        running |= tune.fill()
    assert tune.progress.done
    assert tune.searcher.suggest("last") == Searcher.FINISHED
    names = [outcome.name for outcome in tune.outcomes]
    assert len(names) == len(set(names)) == sum(cell.n_search + cell.n_confirm for cell in plan.cells)


def test_trials_that_end_sooner_than_a_process_starts_do_not_start_one_each(make_tune: Callable[..., Tune]) -> None:
    tune = make_tune()
    running = tune.fill()
    assert len(running) == 3
    waiting = [*running]
    for _ in range(3):  # Tune gives the first free process to any trial that waits
        tune.end(waiting[0], 1, running[waiting.pop(0)])
        tune.now += 1.0
        more = tune.fill()
        running |= more
        waiting += more
    assert len(waiting) == 1  # the process that is there gets the next, and nobody waits for another one
    tune.now += SECONDS_BETWEEN_STARTS
    assert len(tune.fill()) == 2


def test_new_processes_that_were_for_nothing_are_started_ever_more_rarely(make_tune: Callable[..., Tune]) -> None:
    tune = make_tune()
    [(trial_id, assignment), *others] = tune.fill().items()
    for waiting in others:  # one process serves all: the other two start for nothing
        tune.end(trial_id, 1, assignment)
        trial_id, assignment = waiting
    for seconds in (SECONDS_BETWEEN_STARTS, 2 * SECONDS_BETWEEN_STARTS, 4 * SECONDS_BETWEEN_STARTS):
        tune.now += seconds - 0.1
        assert not tune.fill()
        tune.now += 0.1
        for waiting in tune.fill().items():
            tune.end(trial_id, 1, assignment)
            trial_id, assignment = waiting


def test_where_nothing_runs_a_trial_starts_at_once(make_tune: Callable[..., Tune]) -> None:
    tune = make_tune(limit=1)
    [(trial_id, assignment)] = tune.fill().items()
    tune.end(trial_id, 1, assignment)
    tune.now += SECONDS_BETWEEN_STARTS / 2
    assert len(tune.fill()) == 1


@pytest.mark.parametrize("fault", [None, "the object store is full"])
def test_a_trial_that_stops_without_an_error_is_next_again(make_tune: Callable[..., Tune], fault: str | None) -> None:
    tune = make_tune(limit=1)
    for _ in range(MOST_TRIES + 1):
        [(trial_id, assignment)] = tune.fill().items()
        tune.report(trial_id, 1, cluster_fault=fault)
        tune.searcher.on_trial_complete(trial_id)
        tune.now += SECONDS_BETWEEN_STARTS
    [again] = tune.fill().values()
    assert again == assignment
    assert tune.outcomes == []


def test_that_no_trial_gets_a_process_is_told_once(make_tune: Callable[..., Tune]) -> None:
    tune = make_tune(limit=2)
    first, _ = tune.fill()

    def wait(seconds: float) -> None:
        tune.pace.on_step_begin(0, [])
        tune.now += seconds
        tune.pace.on_step_begin(0, [])

    wait(under_test.MOST_SECONDS_WITHOUT_ANY)
    tune.pace.on_trial_start(0, [], SimpleNamespace(trial_id=first))
    wait(10 * under_test.MOST_SECONDS_WITHOUT_ANY)
    assert tune.told == []
    tune.die(first)  # and the second one has been waiting all the time
    wait(under_test.MOST_SECONDS_WITHOUT_ANY)
    assert tune.told == []
    wait(1.0)
    assert len(tune.told) == 1
    assert "256 MiB" in tune.told[0]
    wait(10 * under_test.MOST_SECONDS_WITHOUT_ANY)
    assert len(tune.told) == 1


def test_a_trial_that_is_told_to_have_ended_holds_its_place_until_its_process_is_free(
    make_tune: Callable[..., Tune],
) -> None:
    tune = make_tune(limit=1)
    [(trial_id, assignment)] = tune.fill().items()
    tune.report(trial_id, 1, outcome=tune.outcome(assignment))
    assert tune.fill() == {}
    tune.searcher.on_trial_complete(trial_id)
    assert len(tune.fill()) == 1


def test_a_trial_whose_process_dies_is_tried_again_so_many_times_without_getting_further(
    make_tune: Callable[..., Tune],
) -> None:
    tune = make_tune(limit=1)
    [(trial_id, assignment)] = tune.fill().items()
    for _ in range(MOST_TRIES - 1):
        tune.begin(trial_id)
        tune.die(trial_id)
        tune.now += SECONDS_BETWEEN_STARTS
        [(trial_id, again)] = tune.fill().items()
        assert again.name == assignment.name
    tune.report(trial_id, 1, saved=({"identity": "x"},))  # it gets further, so the count begins anew
    for _ in range(MOST_TRIES - 1):
        tune.die(trial_id)
        tune.now += SECONDS_BETWEEN_STARTS
        config = tune.searcher.suggest(trial_id)
        assert isinstance(config, dict)
        assert str(config["saved"]["identity"]) == "x"
        tune.begin(trial_id)
    assert tune.outcomes == []
    tune.die(trial_id, "out of memory")
    assert [outcome.name for outcome in tune.outcomes] == [assignment.name]
    assert tune.outcomes[0].trial.error is not None
    assert tune.outcomes[0].trial.error.endswith("without getting further, last of: out of memory")


def test_a_process_that_dies_after_its_outcome_has_come_changes_nothing(make_tune: Callable[..., Tune]) -> None:
    tune = make_tune(limit=1)
    [(trial_id, assignment)] = tune.fill().items()
    tune.report(trial_id, 1, outcome=tune.outcome(assignment))
    tune.die(trial_id)
    [again] = tune.fill().values()
    assert again.name != assignment.name


def test_processes_that_die_before_they_begin_fail_no_trial_while_others_begin(make_tune: Callable[..., Tune]) -> None:
    tune = make_tune(limit=2)
    [(dying, assignment), (living, _)] = tune.fill().items()
    for _ in range(2 * MOST_CLUSTER_FAULTS):
        tune.die(dying)
        tune.report(living, 1)
        tune.now += SECONDS_BETWEEN_STARTS
        [(dying, again)] = tune.fill().items()
        assert again == assignment
    assert tune.outcomes == []
