"""A study whose trials are all stored, run again: its journal, its data, and what it leaves as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from zostudy.cluster.micro_batches import Scorer
from zostudy.cluster.pool import LocalPool
from zostudy.config.study import StudySpec
from zostudy.errors import ResultsError
from zostudy.results.classes import StudyClass, StudyClasses, read_classes
from zostudy.results.ledger import Ledger
from zostudy.results.schema import AGREEMENT
from zostudy.results.storage import Storage
from zostudy.results.study_file import STUDY_FILE
from zostudy.search.callback import Callback
from zostudy.search.journal import JOURNAL_FILE, Journal
from zostudy.search.plan import Plan, make_plan
from zostudy.search.prepare import PreparedStudy
from zostudy.search.progress import StudyProgress
from zostudy.search.run import start_study
from zostudy.search.run_trial import run_trial
from zostudy.search.setup import StudyData

DATA = "0123456789abcdef"


class Notes(Callback):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_note(self, line: str) -> None:
        self.notes.append(line)


@pytest.fixture(scope="module")
def study(make_spec: Callable[..., StudySpec], data: StudyData) -> PreparedStudy:
    """A study of few trials, of which only plan and data are looked at once all of them are stored."""
    plan = make_plan(make_spec(imbalance={"ratios": (1,), "minority_size": 10}, confirm={"seeds": 1}))
    absent: Any = None
    versions = {"zostudy": "0", "data": DATA, "model": DATA, "weights": DATA, "settings": DATA}
    task: Any = SimpleNamespace(
        rows="30 rows: 30 used", notes=("a note",), minority=(), table=SimpleNamespace(class_names=("bad", "good"))
    )
    classes = StudyClasses("label word", (1.0,), (StudyClass("bad", "terrible", True, (10,), (10,), 5),))
    return PreparedStudy(plan, task, absent, absent, replace(data, versions=versions), classes, absent)


@pytest.fixture(scope="module")
def outcomes(study: PreparedStudy, scorer: Scorer) -> list[Any]:
    progress, found = StudyProgress(study.plan, []), []
    while (assignment := progress.next()) is not None:
        found.append(run_trial(study.plan.spec, assignment, study.data, LocalPool(scorer), lambda _: None))
        progress.record(found[-1].trial, found[-1].history)
    return found


@pytest.fixture
def folder(study: PreparedStudy, outcomes: list[Any], tmp_path: Path) -> Path:
    """The storage of a study that was killed after its last trial was stored, before the journal had it."""
    ledger = Ledger(tmp_path)
    for outcome in outcomes:
        ledger.record(outcome)
    ledger.write_study(study.plan.spec.resolved(), study.data.versions)
    return tmp_path


def run(study: PreparedStudy, storage: Storage, watcher: Notes) -> StudyProgress:
    return start_study(study, storage, None, [watcher])


def values(path: Path) -> dict[str, list[float | None]]:
    storage = JournalStorage(JournalFileBackend(str(path)))
    names = optuna.get_all_study_names(storage)
    return {name: [t.value for t in optuna.load_study(study_name=name, storage=storage).trials] for name in names}


def stored(plan: Plan, outcomes: list[Any]) -> dict[str, list[float]]:
    searched = {cell.name: cell for cell in plan.cells if cell.n_search}
    rows = [outcome.trial for outcome in outcomes if outcome.trial.stage == "search"]
    return {f"smooth/{name}": [row.dev_auc for row in rows if row.cell == name] for name in searched}


@pytest.mark.slow
def test_the_journal_of_a_study_that_is_done_is_made_and_caught_up(
    study: PreparedStudy, outcomes: list[Any], folder: Path
) -> None:
    expected, watcher = stored(study.plan, outcomes), Notes()
    assert len(expected) == 2
    assert run(study, Storage.at(folder), watcher).done
    assert values(folder / JOURNAL_FILE) == expected
    (folder / JOURNAL_FILE).unlink()
    few = StudyProgress(study.plan, [outcome.trial for outcome in outcomes[:3]])
    with Journal(Storage.at(folder), few, pytest.fail):
        pass
    assert values(folder / JOURNAL_FILE) != expected
    assert run(study, Storage.at(folder), watcher).done
    assert values(folder / JOURNAL_FILE) == expected
    assert set(watcher.notes) == set(study.opening_lines)


def test_the_journal_of_a_study_that_is_done_is_set_aside_when_torn(
    study: PreparedStudy, outcomes: list[Any], folder: Path
) -> None:
    watcher = Notes()
    run(study, Storage.at(folder), watcher)
    journal = folder / JOURNAL_FILE
    torn = journal.read_bytes()[:-40]
    journal.write_bytes(torn)
    run(study, Storage.at(folder), watcher)
    kept = f"{JOURNAL_FILE}.damaged-0"
    assert [note for note in watcher.notes if note not in study.opening_lines] == [
        f"set aside: {JOURNAL_FILE} was torn, is now {kept}; written anew"
    ]
    assert (folder / kept).read_bytes() == torn
    assert values(journal) == stored(study.plan, outcomes)
    assert "was torn" in (folder / "study.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("content", ["data", "model", "weights", "settings"])
def test_other_data_or_weights_are_refused_and_nothing_is_changed(
    study: PreparedStudy, make_spec: Callable[..., StudySpec], folder: Path, content: str
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    more = make_plan(make_spec(imbalance={"ratios": (1,), "minority_size": 10}, confirm={"seeds": 2}))
    other = replace(study, plan=more, data=replace(study.data, versions={**study.data.versions, content: "f" * 16}))
    watcher = Notes()
    with pytest.raises(ResultsError, match=rf"{DATA}, .* is {'f' * 16} now; put the {content} back, or") as refused:
        run(other, Storage.at(folder), watcher)
    assert "\n" not in str(refused.value)
    assert watcher.notes == []
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert run(study, Storage.at(folder), Notes()).done


def test_the_classes_are_said_first_and_stored_beside_the_results(study: PreparedStudy, folder: Path) -> None:
    watcher = Notes()
    run(study, Storage.at(folder), watcher)
    assert watcher.notes[:4] == [
        "30 rows: 30 used",
        "a note",
        "class  label word  minority  train at ratio 1  dev at ratio 1  test",
        "bad    terrible    yes                     10              10     5",
    ]
    assert read_classes(Storage.at(folder)) == study.classes
    assert [line.split(" ", 2)[2] for line in (folder / "study.log").read_text().splitlines()[:4]] == watcher.notes[:4]


def test_a_study_that_was_changed_before_its_first_trial_keeps_no_agreement_of_the_other_model(
    study: PreparedStudy, outcomes: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_in(dtype: str) -> list[str]:
        row: dict[str, Any] = dict.fromkeys(("study", "model", "family", "evaluator"), "made") | {"dtype": dtype}
        row |= dict.fromkeys(AGREEMENT.names[len(row) :], 0)
        monkeypatch.setattr("zostudy.search.run.complete_study", lambda _, ledger, *__: ledger.record_agreement(row))
        run(study, Storage.at(tmp_path), Notes())
        return [name.removesuffix(".parquet") for name in (Storage.at(tmp_path) / "agreement").files()]

    assert run_in("bfloat16") == ["bfloat16"]
    assert run_in("float32") == ["float32"]
    Ledger(tmp_path).record(outcomes[0])
    assert run_in("bfloat16") == ["bfloat16", "float32"]


def test_what_data_a_study_ran_on_is_said_in_its_file(study: PreparedStudy, folder: Path) -> None:
    run(study, Storage.at(folder), Notes())
    assert (folder / STUDY_FILE).read_text().startswith(f"# ran with zostudy 0, data {DATA}, model {DATA}, ")
