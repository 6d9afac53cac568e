from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zostudy.errors import ResultsError
from zostudy.results.deleting import delete_results, plan_deletion
from zostudy.results.lease import lease
from zostudy.results.ledger import Ledger
from zostudy.results.storage import Storage

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REFERENCE / "quickstart", tmp_path / "quickstart"))


def test_only_the_study_file_and_what_no_run_wrote_stay(study: Path) -> None:
    mine = ("classes.json.orig", "notes.txt", "report.html.bak", "study.log.mine")
    written = ("optuna.journal.damaged-0", "optuna.journal.lock", "ray.log", "ray.log.1", "timeline.json.unfinished")
    for name in (*mine, *written):
        (study / name).write_text("")
    (study / "mine").mkdir()
    found = plan_deletion(study)
    assert (found.trials, found.kept) == (114, ("mine", *mine))
    delete_results(found)
    assert {path.name for path in study.iterdir()} == {"study.yaml", *mine, "mine", ".lease"}


def test_what_links_lead_to_stays(study: Path, tmp_path: Path) -> None:
    (shared := tmp_path / "shared").mkdir()
    (shared / "figure.svg").write_text("mine")
    (study / "figures").symlink_to(shared)
    (study / "tensorboard").mkdir()
    (study / "tensorboard" / "folder").symlink_to(shared)
    (study / "tensorboard" / "file").symlink_to(shared / "figure.svg")
    delete_results(plan_deletion(study))
    assert (shared / "figure.svg").read_text() == "mine"
    assert {path.name for path in study.iterdir()} == {"study.yaml", ".lease"}


def test_a_study_whose_results_are_damaged_goes_too(study: Path) -> None:
    (study / "trials" / "merged.parquet").write_bytes(b"torn")
    assert plan_deletion(study).trials is None
    delete_results(plan_deletion(study))
    assert not (study / "trials").exists()


def test_a_running_study_is_not_deleted(study: Path) -> None:
    found = plan_deletion(study)
    with lease(study), pytest.raises(ResultsError, match="one driver at a time"):
        delete_results(found)
    assert plan_deletion(study) == found


def test_trials_that_a_run_adds_meanwhile_are_not_deleted(study: Path, make_outcome: Callable[..., Any]) -> None:
    found = plan_deletion(study)
    Ledger(Storage.at(study)).record(make_outcome())
    with pytest.raises(ResultsError, match="a run has added trials since; delete again"):
        delete_results(found)
    assert plan_deletion(study).trials == 115


@pytest.mark.parametrize(
    ("folder", "remedy"),
    [("", "name the folder of one study"), ("quikstart", "did you mean .*/quickstart?"), ("quickstart/trials", "name")],
)
def test_what_is_no_study_is_refused(study: Path, folder: str, remedy: str) -> None:
    with pytest.raises(ResultsError, match=rf"must be the results folder of a study, .* is missing; {remedy}"):
        plan_deletion(study.parent / folder)


def test_a_study_in_an_object_store_is_deleted(s3_uri: Callable[[str], str], make_outcome: Callable[..., Any]) -> None:
    storage = Storage.at(s3_uri("deleted/made"))
    with lease(storage):
        Ledger(storage).record(make_outcome())
    storage.write("study.yaml", b"name: made\n")
    found = plan_deletion(storage)
    assert (found.trials, found.kept) == (1, ())
    delete_results(found)
    assert (set(storage.folders()) - {".lease"}, storage.files()) == (set(), ["study.yaml"])
