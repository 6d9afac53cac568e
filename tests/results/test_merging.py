from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from zostudy.errors import ResultsError
from zostudy.results.finished_trials import MERGED
from zostudy.results.ledger import Ledger
from zostudy.results.repair import set_damage_aside
from zostudy.results.results import load_results
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import TABLES_OF_A_TRIAL, merge, read_table

TRIALS = [("spsa", 0), ("zosa", 1), ("zosa", 0)]


class StoppedError(Exception):
    pass


@pytest.fixture
def ledger(make_outcome: Callable[..., Any], tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "made")
    for method, number in TRIALS:
        ledger.record(make_outcome(method, number=number))
    return ledger


def stored(storage: Storage) -> dict[str, pa.Table]:
    return {table: read_table(storage, table) for table in TABLES_OF_A_TRIAL}


def files(storage: Storage) -> set[str]:
    return {name for table in TABLES_OF_A_TRIAL for name in (storage / table).files()}


def on_call(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], number: int, do: Callable[[], Any]) -> None:
    """Does something just before a storage's n-th call of these methods, and never again."""
    counter = itertools.count()
    for name in names:
        original = getattr(Storage, name)

        def called(self: Storage, *arguments: Any, original: Any = original) -> Any:
            if next(counter) == number:
                do()
            return original(self, *arguments)

        monkeypatch.setattr(Storage, name, called)


def test_a_merged_study_reads_as_before_from_one_file_a_table(ledger: Ledger) -> None:
    before, trials = stored(ledger.storage), ledger.trials()
    merge(ledger.storage)
    assert files(ledger.storage) == {MERGED}
    assert stored(ledger.storage) == before
    assert ledger.trials() == trials
    assert load_results(ledger.storage).history["dev_auc"].notna().sum() == len(TRIALS)
    merge(ledger.storage)
    assert stored(ledger.storage) == before


@pytest.mark.slow
@pytest.mark.parametrize("step", range(16))
def test_a_stop_at_any_step_of_merging_changes_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    before = stored(ledger.storage)

    def stop() -> None:
        raise StoppedError

    with monkeypatch.context() as patch:  # four files written and twelve removed
        on_call(patch, ("write", "remove"), step, stop)
        with pytest.raises(StoppedError):
            merge(ledger.storage)
    assert stored(ledger.storage) == before
    assert set_damage_aside(Ledger(ledger.storage).storage) == []
    merge(ledger.storage)
    assert files(ledger.storage) == {MERGED}
    assert stored(ledger.storage) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "step"), [("trials", step) for step in range(4)] + [("history", step) for step in range(6)]
)
def test_who_reads_while_files_are_merged_misses_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, step: int, table: str
) -> None:
    before = read_table(ledger.storage, table)
    with monkeypatch.context() as patch:
        on_call(patch, ("files", "open"), step, lambda: merge(ledger.storage))
        assert read_table(ledger.storage, table) == before
    assert files(ledger.storage) == {MERGED}


def test_an_object_that_is_merged_after_it_was_opened_is_not_called_damaged(
    make_outcome: Callable[..., Any], s3_uri: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(s3_uri(uuid4().hex))
    ledger.record(make_outcome())
    before = read_table(ledger.storage, "trials")
    opened: list[str] = []

    def open_and_merge(self: Storage, name: str) -> Any:
        opened.append(name)
        file = original(self, name)
        if len(opened) == 1:
            merge(ledger.storage)
        return file

    original = Storage.open
    monkeypatch.setattr(Storage, "open", open_and_merge)
    assert read_table(ledger.storage, "trials") == before
    assert opened[0] != opened[-1] == MERGED


@pytest.mark.slow
def test_objects_of_many_trials_are_opened_and_removed_many_at_a_time(
    make_outcome: Callable[..., Any], s3_uri: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the main thread does one after the other does not grow with the trials."""
    alone: list[list[str]] = []

    def count(name: str) -> None:
        original = getattr(Storage, name)

        def called(self: Storage, *arguments: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                alone[-1].append(name)
            return original(self, *arguments)

        monkeypatch.setattr(Storage, name, called)

    ledgers = [Ledger(s3_uri(uuid4().hex)) for _ in range(2)]
    for ledger, n_trials in zip(ledgers, (1, 6), strict=True):
        for number in range(n_trials):
            ledger.record(make_outcome(number=number))
    count("open")
    count("remove")
    for ledger in ledgers:
        alone.append([])
        stored(ledger.storage)
        merge(ledger.storage)
        assert files(ledger.storage) == {MERGED}
    assert alone[0] == alone[1]


def test_a_trial_that_runs_again_replaces_its_merged_rows(ledger: Ledger, make_outcome: Callable[..., Any]) -> None:
    merge(ledger.storage)
    ledger.record(make_outcome("zosa", number=0, status="failed", error="not finite"))
    ledger.record(make_outcome("zosa", number=2))
    for _ in range(2):
        trials = read_table(ledger.storage, "trials").to_pylist()
        assert [(row["method"], row["number"], row["status"]) for row in trials] == [
            ("spsa", 0, "complete"),
            ("zosa", 0, "failed"),
            ("zosa", 1, "complete"),
            ("zosa", 2, "complete"),
        ]
        history = read_table(ledger.storage, "history", ("step",))
        assert history["step"].to_pylist() == [0, 1, 2] * 4
        merge(ledger.storage)


def test_what_an_unfinished_repetition_left_does_not_count(
    ledger: Ledger, make_outcome: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(ledger.storage)
    merge(ledger.storage)

    def stop() -> None:
        raise StoppedError

    with monkeypatch.context() as patch:  # all but trials is there
        on_call(patch, ("write",), 3, stop)
        with pytest.raises(StoppedError):
            ledger.record(make_outcome("zosa", number=0, status="failed", error="not finite"))
    assert stored(ledger.storage) == before


def test_a_merged_study_goes_on_as_any_other(ledger: Ledger) -> None:
    ledger.write_study({"seed": 0}, {})
    merge(ledger.storage)
    with pytest.raises(ResultsError, match="seed"):
        ledger.check_extends({"seed": 1})


def test_files_that_keep_vanishing_are_one_clear_line(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: Storage, name: str) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(Storage, "open", gone)
    with pytest.raises(ResultsError, match=r"must stay while they are read, but files of .*trials vanish"):
        read_table(ledger.storage, "trials")
