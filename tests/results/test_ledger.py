from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from zostudy.errors import ResultsError
from zostudy.results import stored_tables
from zostudy.results.ledger import Ledger
from zostudy.results.results import load_results
from zostudy.results.schema import SCHEMAS, TIME_COLUMNS
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import merge

STUDY: dict[str, Any] = {
    "name": "made",
    "methods": ["zosa"],
    "imbalance": {"ratios": [10.0]},
    "search": {"trials": 6},
    "confirm": {"seeds": 3},
    "seed": 0,
    "replicas": 1,
    "label_words": ["no", "yes", "1e-3"],
}


AGREEMENT_ROW = {
    "study": "made",
    "model": "mini-roberta",
    "family": "roberta",
    "dtype": "float32",
    "evaluator": "packed",
    "texts": 5,
    "prompts": 2,
    "largest_score": 7.5,
    "difference": 3e-6,
    "bound": 1e-4,
}


def test_a_recorded_trial_is_listed_as_it_was_given(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "made")
    outcome = pickle.loads(pickle.dumps(make_outcome()))
    ledger.record(outcome)
    [trial] = Ledger(tmp_path / "made").trials()
    assert (trial.history_rows, trial.scores_rows, trial.landscape_rows, trial.precision_rows) == (3, 2, 3, 0)
    owed: dict[str, Any] = {field.name: None for field in fields(trial) if field.name.endswith(("_rows", "_digest"))}
    assert replace(trial, **owed) == outcome.trial


def test_files_are_zstd_and_say_their_schema(
    make_outcome: Callable[..., Any], make_noise_floor: Callable[..., Any], tmp_path: Path
) -> None:
    Ledger(tmp_path).record(make_outcome())
    Ledger(tmp_path).record_noise_floor([make_noise_floor()])
    Ledger(tmp_path).record_agreement(AGREEMENT_ROW)
    names = {"noise_floor": "cells.parquet", "agreement": "float32.parquet"}
    for table, schema in SCHEMAS.items():
        [path] = (tmp_path / table).iterdir()
        assert path.name == names.get(table, "zosa-ratio10-confirm-0000.parquet")
        metadata = pq.read_metadata(path)
        assert metadata.row_group(0).column(0).compression == "ZSTD"
        assert metadata.metadata[b"zostudy_schema"] == b"5"
        assert pq.read_schema(path).equals(schema)


def test_a_trial_counts_only_when_its_last_file_is_there(
    make_outcome: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_outcome(number=0))
    renamed = []

    def crash_on_fourth(source: Path, target: Path) -> None:
        renamed.append(target.parent.name)
        if len(renamed) == 4:
            raise KeyboardInterrupt
        source.rename(target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", crash_on_fourth)
        with pytest.raises(KeyboardInterrupt):
            ledger.record(make_outcome(number=1))
    assert sorted(renamed[:3]) == ["history", "landscape", "scores"]
    assert renamed[3] == "trials"
    assert (tmp_path / "history" / "zosa-ratio10-confirm-0001.parquet").exists()

    finished = ["zosa-ratio10-confirm-0000"]
    assert [trial.trial for trial in ledger.trials()] == finished
    results = load_results(tmp_path)
    assert results.trials["trial"].tolist() == finished
    assert results.history["trial"].unique().tolist() == finished
    assert results.scores["trial"].unique().tolist() == finished
    assert results.landscape["trial"].unique().tolist() == finished

    assert len(list(tmp_path.glob("*/*.unfinished"))) == 1
    reopened = Ledger(tmp_path)
    assert not list(tmp_path.glob("*/*.unfinished"))
    reopened.record(make_outcome(number=1))
    assert len(load_results(tmp_path).history) == 6


def test_a_file_is_never_seen_half_written(
    make_outcome: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_outcome(dev_auc=0.25))

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(ResultsError, match=r"No space left on device\); free the space") as caught:
        ledger.record(make_outcome(dev_auc=0.5))
    assert "\n" not in str(caught.value)
    assert ledger.trials() == []  # the trial that was to be replaced is unfinished again
    assert [path.name for path in tmp_path.rglob("*.*")] == ["zosa-ratio10-confirm-0000.parquet"] * 3


def test_noise_floors_are_stored_as_a_whole_in_place_of_what_was_there(
    make_noise_floor: Callable[..., Any], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.noise_floor() == []
    rows = [make_noise_floor(dtype="bfloat16"), make_noise_floor(signal_over_noise=float("inf"), least_radius=0.0)]
    ledger.record_noise_floor(rows[:1])
    ledger.record_noise_floor(rows)
    assert Ledger(tmp_path).noise_floor() == rows
    with pytest.raises(ValueError, match=r"unknown \['colour'\]"):
        ledger.record_noise_floor([make_noise_floor(colour=1)])
    with pytest.raises(ValueError, match=r"must have a value: \['objective'\]"):
        ledger.record_noise_floor([make_noise_floor(objective=None)])
    with pytest.raises(ValueError, match=r"missing \['chosen'\]"):
        ledger.record_noise_floor([{name: value for name, value in rows[0].items() if name != "chosen"}])
    assert Ledger(tmp_path).noise_floor() == rows


def test_two_runs_of_a_study_differ_in_times_alone(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    tables = []
    for folder, seconds in (("one", 2.0), ("two", 3.0)):
        ledger = Ledger(tmp_path / folder)
        numbers = [0, 1] if folder == "one" else [1, 0]
        for number in numbers:
            ledger.record(make_outcome(number=number, wall_seconds=seconds))
        tables.append(stored_tables.read_table(tmp_path / folder, "trials"))
    assert not tables[0].equals(tables[1])
    first, second = (table.drop_columns(list(TIME_COLUMNS)) for table in tables)
    assert first.equals(second)


def test_the_same_study_may_go_on(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.check_extends(STUDY)
    ledger.record(make_outcome())
    ledger.write_study(STUDY, {"zostudy": "0.1.0"})
    assert ledger.check_extends({**STUDY, "replicas": 2, "confirm": {"seeds": 3, "landscape": False}}) == ()


def test_another_study_is_refused_with_the_difference_once_a_trial_has_finished(
    make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    ledger.write_study(STUDY, {"zostudy": "0.1.0"})
    ledger.check_extends({**STUDY, "search": {"trials": 4}})
    ledger.record(make_outcome(number=5, stage="search", trial="zosa-r10-search-005"))
    with pytest.raises(ResultsError, match=r"search\.trials: 6 -> 4") as caught:
        ledger.check_extends({**STUDY, "search": {"trials": 4}})
    assert "\n" not in str(caught.value)


def test_what_to_do_is_said_of_another_study_and_of_one_older_than_default_spaces(
    make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    space = {"zosa.reach": {"choice": [1.0]}}
    by_stored_search: list[tuple[Any, str]] = [
        ({"trials": 6, "space": {}}, "give it another name"),
        ({"trials": 6, "space": space}, "change the study back, or give it"),
        ("broken by hand", "change the study back, or give it"),
    ]
    for number, (search, remedy) in enumerate(by_stored_search):
        ledger = Ledger(tmp_path / str(number))
        ledger.record(make_outcome())
        ledger.write_study({**STUDY, "search": search}, {"zostudy": "0.1.0"})
        with pytest.raises(ResultsError) as caught:
            ledger.check_extends({**STUDY, "search": {"trials": 6, "space": space | {"zosa.rho": {"choice": [2]}}}})
        assert caught.value.remedy.startswith(remedy)
        assert "`overrides` name=" in caught.value.remedy


def test_what_a_study_had_grown_by_is_taken_back_while_no_trial_has_come_of_it(
    make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_outcome(number=1, stage="search", trial="zosa-r10-search-001"))
    grown = {**STUDY, "search": {"trials": 60}, "methods": [*STUDY["methods"], "fzoo"]}
    ledger.write_study(grown, {"zostudy": "0.1.0"})
    assert ledger.check_extends(STUDY) == ()
    with pytest.raises(ResultsError, match=r"search\.trials: 60 -> 1; "):
        ledger.check_extends({**STUDY, "search": {"trials": 1}})
    with pytest.raises(ResultsError, match=r"search\.trials: 60 -> 6; .*seed: 0 -> 1"):
        ledger.check_extends({**STUDY, "seed": 1})
    ledger.record(make_outcome(method="fzoo", stage="search", trial="fzoo-r10-search-000"))
    with pytest.raises(ResultsError, match=r"methods\.fzoo"):
        ledger.check_extends(STUDY)


def test_seeds_are_taken_back_while_no_trial_of_theirs_has_ended(
    make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    def of_seeds(n: int) -> dict[str, Any]:
        return {**STUDY, "search": {"trials": 6, "seeds": n}}

    ledger = Ledger(tmp_path)
    ledger.record(make_outcome(stage="search", trial="zosa-r10-search-000"))
    ledger.write_study(of_seeds(3), {"zostudy": "0.1.0"})
    assert ledger.check_extends(of_seeds(1)) == ()
    assert ledger.check_extends(of_seeds(5)) == ("search.seeds: 3 -> 5",)
    ledger.record(make_outcome(stage="search", search_seed=1, trial="zosa-r10-search-000-seed-1"))
    assert ledger.check_extends(of_seeds(2)) == ()
    with pytest.raises(ResultsError, match=r"search\.seeds: 3 -> 1\)"):
        ledger.check_extends(of_seeds(1))


def test_a_study_that_asks_for_more_extends_what_is_stored(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_outcome())
    ledger.write_study(STUDY, {"zostudy": "0.1.0"})
    assert ledger.check_extends(STUDY) == ()
    assert ledger.check_extends({**STUDY, "search": {"trials": 8}}) == ("search.trials: 6 -> 8",)


def test_data_may_change_until_a_trial_has_finished_and_trials_that_do_not_say_theirs_are_let_through(
    make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    ledger.check_contents({"data": "first"})
    ledger.record(make_outcome(number=0, versions={"zostudy": "0.1.0"}))
    ledger.check_contents({"data": "first"})
    ledger.record(make_outcome(number=1, versions={"zostudy": "0.2.0", "data": "first"}))
    for _ in range(2):
        ledger.check_contents({"data": "first"})
        with pytest.raises(ResultsError, match=r"of digest first, .* is second now; put the data back") as caught:
            ledger.check_contents({"data": "second"})
        assert "\n" not in str(caught.value)
        merge(ledger.storage)


def test_results_of_an_unknown_study_are_refused(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_outcome())
    with pytest.raises(ResultsError, match=r"study\.yaml is missing"):
        ledger.check_extends(STUDY)
    (tmp_path / "study.yaml").write_text("a: [")
    with pytest.raises(ResultsError, match=r"study\.yaml cannot be read") as caught:
        ledger.check_extends(STUDY)
    assert "\n" not in str(caught.value)


def test_a_study_file_that_no_run_wrote_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("# mine\nname: made\n")
    with pytest.raises(ResultsError, match=r"must hold no study file that another wrote, .*; move it away, or give"):
        Ledger(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["study.yaml"]
    (tmp_path / "study.yaml").unlink()
    for _ in range(2):
        Ledger(tmp_path).write_study(STUDY, {"zostudy": "0.1.0"})


def test_a_study_file_that_cannot_be_read_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Storage, name: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "study.yaml").write_text("# mine\nname: made\n")
    monkeypatch.setattr(Storage, "read", refuse)
    with pytest.raises(ResultsError, match="must hold no study file that another wrote"):
        Ledger(tmp_path)
    assert (tmp_path / "study.yaml").read_text() == "# mine\nname: made\n"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResultsError, match=r"must be writable, but .*file/made is not \(Not a directory\)"):
        Ledger(tmp_path / "file" / "made")


def test_a_folder_that_cannot_be_written_is_refused_on_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(ResultsError, match="Permission denied"):
        Ledger(tmp_path)


def test_evaluations_are_read_back_by_trial(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    outcomes = [make_outcome(number=number) for number in range(2)]
    for outcome in outcomes:
        ledger.record(outcome)
    found = ledger.evaluations()
    assert list(found) == [outcome.name for outcome in outcomes]
    for outcome in outcomes:
        evaluated = ~np.isnan(outcome.history["dev_auc"])
        assert 0 < evaluated.sum() < len(evaluated)
        for name, column in found[outcome.name].items():
            np.testing.assert_array_equal(column, outcome.history[name][evaluated])
