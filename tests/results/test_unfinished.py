from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zostudy.errors import ResultsError
from zostudy.results.completeness import unfinished
from zostudy.results.ledger import Ledger
from zostudy.results.overview import overviews
from zostudy.results.stored_tables import merge

SETTINGS = {"first": {"perturbation_radius": 0.1}, "better": {"perturbation_radius": 0.2}}

STUDY: dict[str, Any] = {"methods": ["spsa", {"zosa": {}}], "imbalance": {"ratios": [1.0]}, "confirm": {"seeds": 2}}


@pytest.fixture
def ledger(make_outcome: Callable[..., Any], tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "made")
    ledger.write_study(STUDY, {})
    for number in range(3):
        ledger.record(make_outcome("zosa", stage="search" if number == 2 else "confirm", number=number))
    return ledger


def test_a_study_with_confirm_trials_to_come_is_unfinished(ledger: Ledger, make_outcome: Callable[..., Any]) -> None:
    [line] = unfinished([ledger.storage])
    assert line.startswith("made is unfinished: 2 of its 4 confirm trials are there; ")
    for number in range(2):
        ledger.record(make_outcome("spsa", number=number, status="failed", error="not finite"))
    assert unfinished([ledger.storage]) == []


def test_a_study_that_ended_is_finished_though_cells_without_a_good_trial_were_not_confirmed(ledger: Ledger) -> None:
    merge(ledger.storage)
    assert unfinished([ledger.storage]) == []


def test_who_needs_the_files_says_what_is_wrong_with_them(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "made" / "trials" / "zosa-ratio10-confirm-0000.parquet").write_bytes(b"torn")
    assert unfinished([ledger.storage]) == []
    (tmp_path / "made" / "trials" / "zosa-ratio10-confirm-0000.parquet").unlink()


def test_a_study_without_its_file_is_never_taken_for_finished(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "made" / "study.yaml").unlink()
    [line] = unfinished([ledger.storage])
    assert line == "made lacks its study.yaml, so nothing tells whether it is finished; put it back"
    assert overviews(tmp_path / "made")[0].state == "unfinished"
    merge(ledger.storage)
    assert unfinished([ledger.storage]) == []


def test_a_study_file_that_cannot_be_read_is_told(ledger: Ledger) -> None:
    ledger.storage.write("study.yaml", b"name: [open")
    with pytest.raises(
        ResultsError, match=r"study\.yaml cannot be read \(study\.yaml:1: must be valid YAML, .*\); restore"
    ):
        unfinished([ledger.storage])


def test_a_longer_search_that_broke_off_is_unfinished_though_all_confirm_trials_are_there(
    make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "made")
    ledger.write_study(STUDY | {"methods": ["zosa", "untuned"], "search": {"trials": 3}}, {})
    for method, number in (("zosa", 0), ("zosa", 1), ("untuned", 0), ("untuned", 1)):
        ledger.record(make_outcome(method, number=number, params=SETTINGS["first"]))
    searched = {"stage": "search", "params": SETTINGS["first"], "dev_auc": 0.7}
    for number in (0, 1):
        ledger.record(make_outcome(number=number, trial=f"zosa-search-{number}", **searched))
    [line] = unfinished([ledger.storage])
    assert "4 of its 4 confirm trials are there, and a cell has 2 of its 3 search trials; unless" in line
    ledger.record(make_outcome(number=2, trial="zosa-search-2", **searched))
    assert unfinished([ledger.storage]) == []


def test_confirm_trials_of_what_a_longer_search_has_bettered_do_not_count(
    make_outcome: Callable[..., Any], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "made")
    ledger.write_study(STUDY | {"methods": ["zosa"], "search": {"trials": 2}}, {})
    for number, (name, params) in enumerate(SETTINGS.items()):
        ledger.record(make_outcome(number=number, trial=name, stage="search", params=params, dev_auc=0.7 + number / 10))
        ledger.record(make_outcome(number=number, params=SETTINGS["better"]))
    assert unfinished([ledger.storage]) == []
    ledger.record(make_outcome(number=1, params=SETTINGS["first"]))
    [line] = unfinished([ledger.storage])
    assert line.startswith("made is unfinished: 1 of its 2 confirm trials are there; unless")
