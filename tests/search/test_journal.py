"""Optuna's journal of a study without Ray: in a folder and in an object store, torn, locked, and without space."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from zostudy.cluster.micro_batches import Scorer
from zostudy.cluster.pool import LocalPool
from zostudy.errors import ResultsError
from zostudy.results.outcome import Outcome
from zostudy.results.storage import Storage
from zostudy.search.journal import JOURNAL_FILE, Journal
from zostudy.search.plan import Assignment, Plan
from zostudy.search.progress import StudyProgress
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData

CELL = "spsa-r1"


@pytest.fixture(scope="module")
def ended(plan: Plan, data: StudyData, scorer: Scorer) -> list[tuple[Assignment, Outcome]]:
    """The search trials of one cell, in the order in which they ran."""
    progress, found = StudyProgress(plan, []).cells[CELL], []
    while (assignment := progress.next()) is not None and assignment.stage == "search":
        outcome = run_trial(plan.spec, assignment, data, LocalPool(scorer), lambda _: None)
        progress.record(outcome.trial, outcome.history)
        found.append((assignment, outcome))
    assert len(found) == plan.spec.search.trials
    return found


@pytest.fixture
def outcomes(ended: list[tuple[Assignment, Outcome]]) -> list[Outcome]:
    return [outcome for _, outcome in ended]


@pytest.fixture
def stored(plan: Plan, outcomes: list[Outcome]) -> StudyProgress:
    """A study of which three search trials are in the ledger."""
    return StudyProgress(plan, [o.trial for o in outcomes[:3]], {o.name: o.history for o in outcomes[:3]})


@pytest.fixture
def written(stored: StudyProgress, tmp_path: Path) -> Path:
    with Journal(Storage.at(tmp_path), stored, pytest.fail):
        return tmp_path / JOURNAL_FILE


def values(path: Path) -> list[float | None]:
    study = optuna.load_study(study_name=f"smooth/{CELL}", storage=JournalStorage(JournalFileBackend(str(path))))
    return [trial.value for trial in study.trials]


def test_it_catches_up_with_the_ledger_and_follows_it(
    stored: StudyProgress, ended: list[tuple[Assignment, Outcome]], tmp_path: Path
) -> None:
    expected = [outcome.trial.dev_auc for _, outcome in ended]
    for _ in range(2):
        with Journal(Storage.at(tmp_path), stored, pytest.fail):
            assert values(tmp_path / JOURNAL_FILE) == expected[:3]
    with Journal(Storage.at(tmp_path), stored, pytest.fail) as journal:
        for assignment, outcome in ended[3:]:
            stored.record(outcome.trial, outcome.history)
            journal.on_trial_end(assignment, outcome)
    assert values(tmp_path / JOURNAL_FILE) == expected


def test_in_an_object_store_it_is_there_as_a_whole_at_the_end(
    stored: StudyProgress, s3_uri: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    storage = Storage.at(s3_uri(uuid4().hex))
    for _ in range(2):
        with Journal(storage, stored, pytest.fail):
            assert len([*tmp_path.iterdir()]) == 1
        assert [*tmp_path.iterdir()] == []
    (tmp_path / "copy").write_bytes(storage.read(JOURNAL_FILE))
    with Journal(Storage.at(tmp_path), stored, pytest.fail):
        assert values(tmp_path / "copy") == values(tmp_path / JOURNAL_FILE)


def _cut(content: bytes) -> bytes:
    return content[:-20]


def _zeros_at_the_end(content: bytes) -> bytes:
    return content[:-20] + bytes(19) + b"\n"


def _zeros_within(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([lines[0], bytes(len(lines[1]) - 1) + b"\n", *lines[2:]])


def _a_number(content: bytes) -> bytes:
    return content + b"17\n"


def _another_line(content: bytes) -> bytes:
    return content + b'{"op_code": 4}\n'


@pytest.mark.parametrize("harm", [_cut, _zeros_at_the_end, _zeros_within, _a_number, _another_line])
def test_a_torn_one_is_set_aside_and_written_anew(
    stored: StudyProgress, written: Path, harm: Callable[[bytes], bytes]
) -> None:
    expected, torn = values(written), harm(written.read_bytes())
    for number in range(2):
        written.write_bytes(torn)
        told: list[str] = []
        with Journal(Storage.at(written.parent), stored, told.append):
            kept = f"{JOURNAL_FILE}.damaged-{number}"
            assert told == [f"set aside: {JOURNAL_FILE} was torn, is now {kept}; written anew"]
        assert written.with_name(kept).read_bytes() == torn
        assert values(written) == expected


def test_the_lock_of_a_crash_is_not_waited_for(
    stored: StudyProgress, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = written.with_name(f"{JOURNAL_FILE}.lock")
    lock.symlink_to(written)
    monkeypatch.setattr("optuna.storages.journal._file.time.sleep", pytest.fail)
    written.unlink()
    with Journal(Storage.at(written.parent), stored, pytest.fail):
        assert len(values(written)) == 3
    assert not os.path.lexists(lock)


def test_one_that_cannot_be_written_is_told_in_a_line(
    stored: StudyProgress,
    ended: list[tuple[Assignment, Outcome]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    told = pytest.raises(ResultsError, match=r"optuna\.journal is not \(No space left on device\); free the space")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with told as refused:
            Journal(Storage.at(tmp_path), stored, pytest.fail)
        assert "\n" not in str(refused.value)
    with Journal(Storage.at(tmp_path), stored, pytest.fail) as journal:
        assignment, outcome = ended[3]
        stored.record(outcome.trial, outcome.history)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ResultsError, match="No space left on device"):
            journal.on_trial_end(assignment, outcome)


def test_what_ended_a_run_is_told_rather_than_that_the_journal_was_lost(
    stored: StudyProgress, s3_uri: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise ResultsError("the store is away")

    monkeypatch.setattr(Storage, "write", lost)
    storage = Storage.at(s3_uri(uuid4().hex))
    with pytest.raises(KeyboardInterrupt), Journal(storage, stored, pytest.fail):
        raise KeyboardInterrupt
    with pytest.raises(ResultsError, match="the store is away"), Journal(storage, stored, pytest.fail):
        pass
