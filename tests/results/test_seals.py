"""A sealed file's rows are known without reading them, until the file or its trials are others."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from zostudy.results import stored_tables
from zostudy.results.finished_trials import MERGED
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.parquet import read_batches, write_table
from zostudy.results.row_digests import digest_rows
from zostudy.results.schema import TABLES_BESIDE_TRIALS
from zostudy.results.seals import has_seal
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import checked_trials, count_rows, merge, read_table


@pytest.fixture
def ended(make_outcome: Callable[..., Outcome], tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "made")
    for number in range(3):
        ledger.record(make_outcome("spsa", number=number))
    merge(ledger.storage)
    return ledger


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables of which rows were read to count them."""
    tables: list[str] = []

    def reading(folder: Storage, name: str, table: str, columns: list[str]) -> Iterator[pa.Table]:
        tables.append(table)
        return read_batches(folder, name, table, columns)

    monkeypatch.setattr(stored_tables, "read_batches", reading)
    return tables


def counted(storage: Storage) -> dict[str, Any]:
    finished = checked_trials(storage)
    return {table: count_rows(storage, table, [MERGED], finished) for table in TABLES_BESIDE_TRIALS}


def test_the_rows_of_an_ended_study_are_known_without_reading_them(ended: Ledger, reads: list[str]) -> None:
    for table, found in counted(ended.storage).items():
        assert found == (digest_rows([read_table(ended.storage, table)], table), True)
    assert reads == []


def test_a_copied_study_keeps_its_seals(ended: Ledger, reads: list[str], tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "made", tmp_path / "copy")
    assert counted(Storage.at(tmp_path / "copy")) == counted(ended.storage)
    assert reads == []


def test_a_study_that_was_merged_without_seals_is_read(ended: Ledger, reads: list[str]) -> None:
    known = counted(ended.storage)
    write_table(read_table(ended.storage, "trials"), ended.storage / "trials", MERGED)
    assert counted(ended.storage) == known
    assert reads == list(TABLES_BESIDE_TRIALS)


def test_merged_files_are_read_once_a_trial_of_them_ran_again(
    ended: Ledger, make_outcome: Callable[..., Outcome], reads: list[str]
) -> None:
    known = counted(ended.storage)
    ended.record(make_outcome("spsa", number=1))
    for table, (rows, all_count) in counted(ended.storage).items():
        assert not all_count
        assert rows.keys() < known[table][0].keys()
    assert set(reads) == set(TABLES_BESIDE_TRIALS)


@pytest.mark.parametrize("codec", ["snappy", "zstd"])
def test_a_file_that_another_program_wrote_has_another_seal(ended: Ledger, tmp_path: Path, codec: str) -> None:
    """Also where it keeps the notes in the footer, and changes no extreme value."""
    folder, seal = ended.storage / "history", checked_trials(ended.storage).seals["history"]
    assert has_seal(folder, MERGED, seal)
    path = tmp_path / "made" / "history" / MERGED
    rows = pq.read_table(path)
    index, middle = rows.column_names.index("loss"), pc.equal(rows["step"], 1)
    changed = pc.if_else(middle, pc.mean(rows["loss"]), rows["loss"])
    pq.write_table(rows.set_column(index, rows.schema.field("loss"), changed), path, compression=codec)
    assert not has_seal(folder, MERGED, seal)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\xff" * 20])
def test_what_is_no_parquet_file_has_no_seal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MERGED).write_bytes(content)
    assert not has_seal(Storage.at(tmp_path), MERGED, "0" * 16)
