"""Reads the tables of a study from their files, and checks that they hold the rows of all finished trials.

A function that reads raises ``ResultsError`` where a file cannot be read, is of another table or of a newer zostudy.
Those that take names of files raise ``FileNotFoundError`` where one is no longer there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from zostudy.errors import ResultsError
from zostudy.results.finished_trials import (
    MERGED,
    REMEDY,
    FinishedTrials,
    first_and_more,
    is_as_expected,
    lost_trials,
    read_finished,
    read_with_finished,
    sealed_rows,
)
from zostudy.results.measurements import MEASUREMENTS, lost_measurements, read_measurements, table_folder
from zostudy.results.parquet import PARQUET, read_batches, read_file, read_footer, schema_of, write_table
from zostudy.results.row_digests import DIGESTED, RowDigest, digest_rows
from zostudy.results.schema import SCHEMAS, TABLES_BESIDE_TRIALS, empty_table
from zostudy.results.storage import Storage, Where
from zostudy.results.stored_values import check_values

TABLES_OF_A_TRIAL = (*reversed(TABLES_BESIDE_TRIALS), "trials")
"""Tables with a file for each trial, in the order of writing: what makes a trial count comes last."""

# Files vanish while a reader lists them, as trials are merged. It lists them again; merging takes seconds at most.
MOST_LISTINGS = 100

T = TypeVar("T")


class ChangedError(Exception):
    """Trials ended, ran again or were merged while their rows were read; reading again helps."""


def read_table(where: Where, table: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Returns every row of one table of a study, in the order of the trials' names; also while a study runs.

    A file may hold one trial or many. What an unfinished trial has stored so far is left out.

    Args:
        where: the study's storage.
        table: such as ``trials``.
        columns: of the table; None for all of them.

    Raises:
        ResultsError: the table lacks rows of finished trials, or holds others; or a file cannot be read.
    """
    storage, names = Storage.at(where), list(columns or SCHEMAS[table].names)
    return _unchanged(storage / table, lambda: _read_table(storage, table, names))


def checked_trials(storage: Storage) -> FinishedTrials:
    """Returns the finished trials of a study; also while it runs.

    Raises:
        ResultsError: trials are lost, or do not belong to the other tables; or a file cannot be read.
    """
    return _unchanged(storage / "trials", lambda: _read_checked(storage))


def merge(storage: Storage) -> None:
    """Merges the trials' own files of a finished study into one file a table, so that thousands of studies read fast.

    A trial's own files count before its rows in the merged ones. So a stop at any point changes nothing, and a trial
    that runs again replaces its rows. The study's lease must be held.

    Raises:
        ResultsError: a file cannot be read, written or removed; then every trial is still there.
    """
    if _own_files(storage, "trials"):
        seals = {
            table: write_table(read_table(storage, table), storage / table, MERGED)
            for table in reversed(TABLES_BESIDE_TRIALS)
        }
        # Last, as another merged file counts once trials has one too.
        write_table(read_table(storage, "trials"), storage / "trials", MERGED, seals=seals)
    # Trials first: a trial without its own file there is read from the merged files.
    for table in reversed(TABLES_OF_A_TRIAL):
        (storage / table).for_each(_own_files(storage, table), (storage / table).remove)


def table_files(storage: Storage, table: str) -> list[str]:
    """Returns the names of a table's files that are read: a trial's file counts once ``trials`` has one, too.

    Raises:
        ResultsError: a file that is not read belongs to no unfinished trial either, see ``check_files``.
    """
    if table not in TABLES_BESIDE_TRIALS:
        return table_folder(storage, table).files(PARQUET)
    trials = storage / "trials"
    for _ in range(MOST_LISTINGS):
        finished = set(trials.files(PARQUET))
        found = (storage / table).files(PARQUET)
        if finished <= set(trials.files(PARQUET)):  # else they were merged in between
            for name in found:
                if name not in finished:
                    with suppress(FileNotFoundError):  # what is merged vanishes
                        check_files(storage, table, [name])
            return [name for name in found if name in finished]
    raise _vanishing(trials)


def check_files(storage: Storage, table: str, names: list[str]) -> None:
    """Checks that files are of this table and whole as far as their footers say, which is quick."""
    folder = table_folder(storage, table)
    folder.for_each(names, lambda name: read_footer(folder, name, table))


def check_rows(storage: Storage, table: str, names: list[str], finished: FinishedTrials) -> bool:
    """Checks that the files of a table hold the rows of all finished trials, and returns whether all of these count.

    Those of a trial that ran again since they were merged, or is to run again, do not count.

    Args:
        storage: of a study.
        table: one of ``TABLES_BESIDE_TRIALS``.
        names: from ``table_files``.
        finished: from ``checked_trials``.

    Raises:
        ResultsError: the table lacks rows of finished trials, or holds others.
        ChangedError: trials ended meanwhile.
    """
    rows, all_count = count_rows(storage, table, names, finished)
    _check_expected(storage, table, finished, rows)
    return all_count


def count_rows(
    storage: Storage, table: str, names: list[str], finished: FinishedTrials
) -> tuple[dict[str, RowDigest], bool]:
    """Returns the rows of each finished trial in files of a table, and whether there are no others."""
    parts = (storage / table).for_each(names, lambda name: _rows_of_file(storage, table, name, finished))
    counted = {
        trial: rows
        for name, part in zip(names, parts, strict=True)
        for trial, rows in part.items()
        if finished.files.get(trial) == name
    }
    return counted, len(counted) == sum(map(len, parts))


def _rows_of_file(storage: Storage, table: str, name: str, finished: FinishedTrials) -> dict[str, RowDigest]:
    if (sealed := sealed_rows(storage, table, name, finished)) is not None:
        return sealed
    return digest_rows(read_batches(storage / table, name, table, ["trial", *DIGESTED[table]]), table)


def _unchanged(folder: Storage, read: Callable[[], T]) -> T:
    """Returns what a function reads, once no file vanished and no trial ended meanwhile."""
    for listing in range(MOST_LISTINGS):
        with suppress(FileNotFoundError, ChangedError):
            return read()
        if not folder.folder:  # where a merge removes files for longer
            time.sleep(min(1.0, 0.02 * listing))
    raise _vanishing(folder)


def _own_files(storage: Storage, table: str) -> list[str]:
    return [name for name in (storage / table).files(PARQUET) if name != MERGED]


def _read_table(storage: Storage, table: str, columns: list[str]) -> pa.Table:
    if table in MEASUREMENTS:
        return _read_measurements(storage, table).select(columns)
    needed = list(dict.fromkeys([*columns, "trial", *DIGESTED.get(table, ())]))
    finished, files = read_with_finished(storage, needed if table == "trials" else ())
    _check_trials(storage, finished)
    if table in TABLES_BESIDE_TRIALS:
        names, folder = table_files(storage, table), storage / table
        parts_read = folder.for_each(names, lambda name: read_file(folder, name, table, needed)[0])
        files = dict(zip(names, parts_read, strict=True))
    parts = [_counting(rows.select(needed), finished.of_file(name)) for name, rows in sorted(files.items())]
    rows = pa.concat_tables([empty_table(schema_of(table, needed)), *parts])
    if table in TABLES_BESIDE_TRIALS:
        _check_expected(storage, table, finished, digest_rows([rows], table))
    if table == "trials":
        check_values(storage, rows)
    if MERGED in files and len(files) > 1:
        rows = rows.take(pc.sort_indices(rows["trial"]))
    return rows.select(columns)


def _read_checked(storage: Storage) -> FinishedTrials:
    finished = read_finished(storage)
    _check_trials(storage, finished)
    return finished


def _read_measurements(storage: Storage, table: str) -> pa.Table:
    finished, rows = _read_checked(storage), read_measurements(storage, table)
    if lost := lost_measurements(finished, table, rows):
        _refuse(storage, finished, f"{table_folder(storage, table)} lacks {first_and_more(lost)}")
    return rows


def _check_trials(storage: Storage, finished: FinishedTrials) -> None:
    if lost := lost_trials(storage, finished):
        _refuse(
            storage, finished, f"{storage / 'trials' / MERGED} lacks {first_and_more(lost)}, which other tables hold"
        )
    files = set(finished.files.values())
    for table in TABLES_BESIDE_TRIALS:
        if there := [name for name in (storage / table).files(PARQUET) if name in files]:
            _check_against(storage, table, there, finished)
            return


def _check_against(storage: Storage, table: str, there: list[str], finished: FinishedTrials) -> None:
    """Checks that trials and a table with rows belong together. Where they differ, neither can be trusted."""
    as_expected = (storage / table).for_each(there, lambda name: is_as_expected(storage, table, name, finished))
    suspect = [name for name, expected in zip(there, as_expected, strict=True) if not expected]
    faults = (
        finished.faults(table, count_rows(storage, table, suspect, finished)[0]) if suspect or finished.doubled else {}
    )
    came_alone = {trial for trial in finished.doubled if finished.files[trial] not in there}
    doubtful = {t: fault for t, fault in faults.items() if finished.files[t] in suspect or t in came_alone}
    if doubtful:
        _refuse(storage, finished, finished.describe(storage, table, doubtful))


def _check_expected(storage: Storage, table: str, finished: FinishedTrials, rows: Mapping[str, RowDigest]) -> None:
    if faults := finished.faults(table, rows):
        _refuse(storage, finished, finished.describe(storage, table, faults))


def _refuse(storage: Storage, finished: FinishedTrials, what: str) -> NoReturn:
    if read_finished(storage) != finished:
        raise ChangedError
    raise ResultsError("results must be whole", got=what, remedy=REMEDY)


def _vanishing(folder: Storage) -> ResultsError:
    return ResultsError(
        "results must stay while they are read", got=f"files of {folder} vanish", remedy="read them again"
    )


def _counting(rows: pa.Table, trials: Collection[str]) -> pa.Table:
    """Returns the rows of some trials."""
    there = rows["trial"].unique().to_pylist()  # an array made of names would import pandas
    if set(there) <= {*trials}:
        return rows
    return rows.filter(pc.is_in(rows["trial"].cast(pa.string()), value_set=pa.array(trials, pa.string())))
