from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zostudy.results.lease import is_held, lease
from zostudy.results.ledger import Ledger
from zostudy.results.overview import overviews
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import read_table

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REFERENCE / "quickstart", tmp_path / "quickstart"))


def test_a_complete_study_is_in_a_line(study: Path) -> None:
    [found] = overviews(study)
    trials = read_table(study, "trials").to_pandas()
    assert (found.state, found.trials, found.failed) == ("complete", len(trials), 0)
    assert (found.model, found.task) == ("mini-llama", "reviews")
    assert found.started_at == trials["started_at"].min()
    assert found.seconds == (trials["finished_at"].max() - trials["started_at"].min()).total_seconds()
    confirm = trials.query("stage == 'confirm' and imbalance_ratio == 50 and method != 'untuned'")
    dev_auc, method = max((group["dev_auc"].mean(), name) for name, group in confirm.groupby("method"))
    assert found.best is not None
    assert (found.best.method, found.best.imbalance_ratio) == (method, 50.0)
    assert found.best.dev_auc == pytest.approx(dev_auc)


def test_a_study_runs_while_a_driver_holds_it(study: Path) -> None:
    with lease(study):
        assert overviews(study)[0].state == "running"
    assert overviews(study)[0].state == "complete"


def test_a_study_that_lacks_trials_is_unfinished(study: Path) -> None:
    text = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(text.replace("confirm:\n  seeds: 5", "confirm:\n  seeds: 6"))
    assert overviews(study)[0].state == "complete", "its files were merged, which only an ended study's are"
    for table in ("trials", "history", "scores", "landscape"):
        (study / table / "merged.parquet").rename(study / table / "own.parquet")
    assert overviews(study)[0].state == "unfinished"


def test_a_study_that_lost_scores_is_unfinished(study: Path) -> None:
    (study / "scores" / "merged.parquet").unlink()
    assert overviews(study)[0].state == "unfinished"


def test_failed_trials_are_counted_and_none_is_the_best(tmp_path: Path, make_outcome: Callable[..., Any]) -> None:
    ledger = Ledger(tmp_path / "made")
    ledger.record(make_outcome("zosa", 10.0, 0, status="failed", error="it broke", dev_auc=None))
    (tmp_path / "made" / "study.yaml").write_text("name: made\nmethods: [zosa]\nimbalance: {ratios: [10]}\n")
    [found] = overviews(tmp_path)
    assert (found.trials, found.failed, found.best) == (1, 1, None)


def test_a_claim_in_an_object_store_holds_until_it_is_stale(s3_uri: Callable[[str], str]) -> None:
    storage = Storage.at(s3_uri("held"))
    assert not is_held(storage)
    with lease(storage):
        assert is_held(storage)
    assert not is_held(storage)
