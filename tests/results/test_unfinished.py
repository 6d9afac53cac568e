from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zostudy.results.ledger import Ledger
from zostudy.results.merging import merge
from zostudy.results.unfinished import unfinished

STUDY: dict[str, Any] = {"methods": ["spsa", {"zosa": {}}], "imbalance": {"ratios": [1.0]}, "confirm": {"seeds": 2}}


@pytest.fixture
def ledger(make_outcome, tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "made")
    ledger.write_study(STUDY, {})
    for number in range(3):
        ledger.record(make_outcome("zosa", stage="search" if number == 2 else "confirm", number=number))
    return ledger


def test_a_study_with_confirm_trials_to_come_is_unfinished(ledger: Ledger, make_outcome) -> None:
    [line] = unfinished([ledger.place])
    assert line.startswith("made is unfinished: 2 of its 4 confirm trials are there; ")
    for number in range(2):
        ledger.record(make_outcome("spsa", number=number, status="failed", error="not finite"))
    assert unfinished([ledger.place]) == []


def test_a_study_that_ended_is_finished_though_cells_without_a_good_trial_were_not_confirmed(ledger: Ledger) -> None:
    merge(ledger.place)
    assert unfinished([ledger.place]) == []


def test_who_needs_the_files_says_what_is_wrong_with_them(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "made" / "trials" / "zosa-ratio10-confirm-0000.parquet").write_bytes(b"torn")
    assert unfinished([ledger.place]) == []
    (tmp_path / "made" / "trials" / "zosa-ratio10-confirm-0000.parquet").unlink()
    ledger.place.write("study.yaml", b"name: [open")
    assert unfinished([ledger.place]) == []
