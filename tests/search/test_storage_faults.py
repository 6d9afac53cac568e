"""Results in an object store, on a full disk, with a torn journal: they stay the same. A cluster runs the studies."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import optuna
import pyarrow as pa
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import zostudy
from zostudy.errors import ResultsError
from zostudy.results.schema import SCHEMAS, TIME_COLUMNS
from zostudy.results.storage import Storage, Where
from zostudy.results.stored_tables import read_table
from zostudy.search.journal import JOURNAL_FILE

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_trial_at_a_time")]

STUDY: dict[str, Any] = {
    "name": "tiny",
    "model": {"name": "mini-roberta", "dtype": "float32"},
    "task": {"name": "reviews"},
    "imbalance": {"ratios": [2], "minority_size": 6},
    "methods": ["spsa", "untuned"],
    "budget": {"queries": 24, "batch_size": 8, "evaluations": 2},
    "search": {"trials": 3, "space": {"reach": {"low": 0.01, "high": 1.0, "log": True}}},
    "confirm": {"seeds": 2, "landscape": False},
    "replicas": 1,
}
TMPFS_BYTES = 2**20

Run = Callable[[str], zostudy.Results]


@pytest.fixture(scope="module")
def run(address: str, one_trial_at_a_time: None) -> Run:
    return lambda results: zostudy.run(STUDY, results, address=address)


@pytest.fixture(scope="module")
def undisturbed(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    run(str(folder))
    return folder / "tiny"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system may not be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def tables(where: Where) -> dict[str, pa.Table]:
    stored = {table: read_table(where, table) for table in SCHEMAS}
    return stored | {"trials": stored["trials"].drop_columns(list(TIME_COLUMNS))}


def journal(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    storage = JournalStorage(JournalFileBackend(str(path)))
    names = optuna.get_all_study_names(storage)
    studies = {name: optuna.load_study(study_name=name, storage=storage) for name in names}
    return {name: [(t.state, t.value, t.params) for t in study.trials] for name, study in studies.items()}


def test_a_study_whose_results_are_in_an_object_store(
    run: Run, undisturbed: Path, s3_uri: Callable[[str], str], tmp_path: Path
) -> None:
    results = s3_uri(uuid4().hex)
    storage = Storage.at(results) / "tiny"
    assert len(run(results).trials) == 7
    assert tables(storage) == tables(undisturbed)
    (tmp_path / JOURNAL_FILE).write_bytes(storage.read(JOURNAL_FILE))
    assert journal(tmp_path / JOURNAL_FILE) == journal(undisturbed / JOURNAL_FILE)
    assert b"spsa-r2-search-000: complete" in storage.read("study.log")
    folders = [storage, *(storage / name for name in storage.folders())]
    everything = b"".join(folder.read(name) for folder in folders for name in folder.files())
    assert b"secret-of-the-tests" not in everything
    assert b"key-of-the-tests" not in everything
    run(results)
    assert tables(storage) == tables(undisturbed)


def test_a_disk_that_is_full_for_a_while_and_leaves_a_torn_journal_and_a_torn_table(
    run: Run, undisturbed: Path, small_disk: Path, logged: list[str]
) -> None:
    filler, folder = small_disk / "filler", small_disk / "tiny"
    filler.write_bytes(bytes(TMPFS_BYTES - 180_000))
    with pytest.raises(ResultsError, match="No space left on device"):
        run(str(small_disk))
    stored = [*(folder / "trials").glob("*.parquet")]
    assert 0 < len(stored) < 7
    filler.unlink()
    journal_file, history = folder / JOURNAL_FILE, folder / "history" / stored[0].name
    os.truncate(journal_file, journal_file.stat().st_size - 40)
    os.truncate(history, history.stat().st_size // 2)
    run(str(small_disk))
    said = "\n".join(logged)
    assert f"set aside: {history.name} cannot be read in history" in said
    assert f"set aside: {JOURNAL_FILE} was torn, is now {JOURNAL_FILE}.damaged-0" in said
    assert tables(folder) == tables(undisturbed)
    assert journal(journal_file) == journal(undisturbed / JOURNAL_FILE)
