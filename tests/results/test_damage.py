"""Files whose bytes have changed since they were written: never read as if nothing were wrong, and written anew."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from zostudy.errors import ResultsError
from zostudy.results.finished_trials import MERGED
from zostudy.results.ledger import Ledger
from zostudy.results.repair import set_damage_aside, torn_files
from zostudy.results.sql import run_sql
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import TABLES_OF_A_TRIAL, merge, read_table

TRIALS = [("spsa", 0), ("zosa", 0), ("zosa", 1)]
ONE = "zosa-ratio10-confirm-0001.parquet"
FLIPS = 20


@pytest.fixture(params=[ONE, MERGED])
def name(request: pytest.FixtureRequest) -> str:
    """A file of a study that goes on, and one of a study that has ended."""
    return str(request.param)


@pytest.fixture
def storage(make_outcome: Callable[..., Any], tmp_path: Path, name: str) -> Storage:
    return written(make_outcome, tmp_path / "made", name)


def written(make_outcome: Callable[..., Any], folder: Path, name: str) -> Storage:
    ledger = Ledger(folder)
    for method, number in TRIALS:
        ledger.record(make_outcome(method, number=number, sharpness=0.1))
    if name == MERGED:
        merge(ledger.storage)
    return ledger.storage


def footer_start(content: bytes) -> int:
    """Parquet ends with its footer, the length of that in four bytes, and four more."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def flipped(content: bytes, start: int, stop: int) -> Iterator[bytes]:
    """Gives the content with one byte changed, at random positions."""
    at_random = random.Random(0)
    for position in at_random.sample(range(start, stop), FLIPS):
        changed = bytearray(content)
        changed[position] ^= at_random.randrange(1, 256)
        yield bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES_OF_A_TRIAL)
def test_a_changed_page_is_named_or_means_the_same(storage: Storage, name: str, table: str) -> None:
    folder, expected = storage / table, read_table(storage, table)
    content, n_named = folder.read(name), 0
    for changed in flipped(content, 4, footer_start(content)):
        folder.write(name, changed)
        if faults := torn_files(folder, table):
            n_named += 1
            assert [*faults] == [name]
            with pytest.raises(ResultsError, match=r"cannot be read .*; run the study again, which sets it aside"):
                read_table(storage, table)
        else:  # a header's bits that say nothing of the rows
            assert read_table(storage, table) == expected
    assert n_named > FLIPS / 3


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES_OF_A_TRIAL)
def test_a_changed_footer_is_never_a_traceback(storage: Storage, name: str, table: str) -> None:
    content = (storage / table).read(name)
    for changed in flipped(content, footer_start(content), len(content)):
        (storage / table).write(name, changed)
        with suppress(ResultsError):
            torn_files(storage / table, table)
            read_table(storage, table)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES_OF_A_TRIAL)
def test_what_lost_a_block_is_set_aside_and_done_again(
    make_outcome: Callable[..., Any], storage: Storage, name: str, table: str
) -> None:
    before = {table: read_table(storage, table) for table in TABLES_OF_A_TRIAL}
    content = (storage / table).read(name)
    middle = footer_start(content) // 2
    (storage / table).write(name, content[:middle] + bytes(64) + content[middle + 64 :])
    ledger = Ledger(storage)
    [line] = set_damage_aside(ledger.storage)
    assert line.startswith(f"set aside: {name} cannot be read in {table} (")
    there = {trial.trial for trial in ledger.trials()}
    outcomes = [make_outcome(method, number=number, sharpness=0.1) for method, number in TRIALS]
    again = [outcome for outcome in outcomes if outcome.name not in there]
    assert len(again) == (3 if name == MERGED else 1)
    for outcome in again:
        ledger.record(outcome)
    assert set_damage_aside(Ledger(storage).storage) == []
    merge(storage)
    assert {table: read_table(storage, table) for table in TABLES_OF_A_TRIAL} == before


@pytest.mark.slow
def test_sql_answers_nothing_from_a_changed_page(storage: Storage, name: str) -> None:
    def total() -> list[tuple[float]]:
        return run_sql([storage], "SELECT sum(loss), sum(latent_norm) FROM history", lambda answer: answer.fetchall())

    expected, content = total(), (storage / "history").read(name)
    told: list[str] = []
    for changed in flipped(content, 4, footer_start(content)):
        (storage / "history").write(name, changed)
        try:
            assert total() == expected
        except ResultsError as refused:
            told.append(str(refused))
    assert told
    assert all(f"history/{name} cannot be read" in line and "\n" not in line for line in told)
