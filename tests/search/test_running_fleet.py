"""Replicas that start while the study is prepared: when they do, and what happens if one of the two fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from zostudy.config.study import StudySpec
from zostudy.errors import ModelError
from zostudy.results.lease import lease
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.storage import Storage
from zostudy.results.trial_row import TrialRow
from zostudy.search import running_fleet as module
from zostudy.search.plan import Plan, make_plan
from zostudy.search.running_fleet import prepared_beside_fleet

PREPARED: Any = "the prepared study"
FLEET: Any = "the fleet"
SECONDS = 20.0


@pytest.fixture
def plan(make_spec: Callable[..., StudySpec]) -> Plan:
    return make_plan(make_spec())


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.at(tmp_path / "smooth")


class FakeHosts:
    """Stands in place of ``running_fleet``; says when it is entered and when it has been left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.ended, self.preparing = Event(), Event(), Event()
        monkeypatch.setattr(module, "running_fleet", self.running_fleet)

    @contextmanager
    def running_fleet(self, *_: object) -> Iterator[Any]:
        self.begun.set()
        assert self.preparing.wait(SECONDS)
        try:
            yield FLEET
        finally:
            self.ended.set()


def test_replicas_start_while_the_study_is_prepared(
    plan: Plan, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeHosts(monkeypatch)

    def prepare() -> Any:
        fake.preparing.set()
        assert fake.begun.wait(SECONDS)
        return PREPARED

    with prepared_beside_fleet(plan, storage, None, prepare, pytest.fail) as found:
        assert found == (PREPARED, FLEET)
        assert not fake.ended.is_set()
    assert fake.ended.is_set()
    assert storage.folder is not None
    assert not storage.folder.exists()


def test_a_study_that_cannot_be_prepared_ends_the_replicas(
    plan: Plan, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeHosts(monkeypatch)

    def prepare() -> Any:
        fake.preparing.set()
        raise ModelError("a model must load", remedy="name another")

    with (
        pytest.raises(ModelError, match="a model must load"),
        prepared_beside_fleet(plan, storage, None, prepare, pytest.fail),
    ):
        pass
    assert fake.ended.is_set()


def test_an_interrupt_says_what_it_waits_for(plan: Plan, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    said, told = list[str](), Event()

    def prepare() -> Any:
        assert told.wait(SECONDS)
        return PREPARED

    def notify(line: str) -> None:
        said.append(line)
        told.set()

    def interrupt(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "running_fleet", interrupt)
    with pytest.raises(KeyboardInterrupt), prepared_beside_fleet(plan, storage, None, prepare, notify):
        pass
    assert said == ["ending as soon as the model is read"]


@pytest.mark.parametrize("why", ["cluster", "large model", "finished", "held"])
def test_replicas_start_later_where_they_may_not_be_wanted_or_are_elsewhere(
    plan: Plan, storage: Storage, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    fake = FakeHosts(monkeypatch)
    monkeypatch.setattr(module, "MOST_BYTES", 0 if why == "large model" else module.MOST_BYTES)
    monkeypatch.setattr(module, "_is_finished", lambda *_: why == "finished")
    address = "10.0.0.1:6379" if why == "cluster" else None
    with (
        lease(storage) if why == "held" else nullcontext(),
        prepared_beside_fleet(plan, storage, address, lambda: PREPARED, pytest.fail) as found,
    ):
        assert found == (PREPARED, None)
    assert not fake.begun.is_set()


def test_no_replicas_start_for_a_study_that_ended_with_fewer_trials_than_it_might_have_had(
    make_spec: Callable[..., StudySpec],
    make_row: Callable[..., TrialRow],
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeHosts(monkeypatch)
    methods = ({"label": "spsa", "algorithm": "spsa"},)
    space = {"perturbation_radius": {"low": 0.01, "high": 1.0}}
    search = {"trials": 1, "startup_trials": 1, "space": space}
    plan = make_plan(make_spec(methods=methods, imbalance={"ratios": (1,)}, search=search))
    names = {"trial": "spsa-r1-search-000", "cell": "spsa-r1", "stage": "search", "algorithm": "spsa"}
    Ledger(storage).record(Outcome(make_row(**names, status="failed", error="its only configuration failed")))
    with prepared_beside_fleet(plan, storage, None, lambda: PREPARED, pytest.fail) as found:
        assert found == (PREPARED, None)
    assert not fake.begun.is_set()
