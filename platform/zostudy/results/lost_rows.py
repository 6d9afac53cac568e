"""Finds studies that have lost rows of finished trials, or that hold rows of no finished trial."""

from __future__ import annotations

from collections.abc import Sequence

from zostudy.errors import ResultsError
from zostudy.results.completeness import unfinished
from zostudy.results.finished_trials import REMEDY, FinishedTrials, first_and_more, is_as_expected, read_finished
from zostudy.results.measurements import MEASUREMENTS, lost_measurements, read_measurements, table_folder
from zostudy.results.parquet import PARQUET
from zostudy.results.reading import each_study
from zostudy.results.schema import TABLES_BESIDE_TRIALS
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import ChangedError, count_rows, table_files

MOST_LOOKS = 10


def study_notes(storages: Sequence[Storage]) -> list[str]:
    """Returns a note for each study that has lost rows or is unfinished."""
    return [*lost_rows(storages), *unfinished(storages)]


def lost_rows(storages: Sequence[Storage]) -> list[str]:
    """Returns a line for each table of each study that lacks rows or has others, as far as footers tell.

    Reading such a table is refused. A study whose trials are lost or cannot be read has no line here: reading it is
    refused as a whole.
    """
    return [line for lines in each_study(storages, _of_study) for line in lines]


def _of_study(storage: Storage) -> list[str]:
    for _ in range(MOST_LOOKS):
        try:
            finished = read_finished(storage)
            lines = [line for table in TABLES_BESIDE_TRIALS if (line := _of_table(storage, table, finished))]
            lines += [line for table in MEASUREMENTS if (line := _of_measurements(storage, table, finished))]
            lines += _waiting(storage, finished)
            if not lines or read_finished(storage) == finished:
                return lines
        except ResultsError:
            return []
        except (FileNotFoundError, ChangedError):
            continue
    return []


def _of_table(storage: Storage, table: str, finished: FinishedTrials) -> str | None:
    try:
        there = (storage / table).files(PARQUET)
        files = {finished.files[trial] for trial, expected in finished.expected[table].items() if expected.count}
        if files <= set(there) and all(is_as_expected(storage, table, name, finished) for name in files):
            return None
        names = table_files(storage, table)
        faults = finished.faults(table, count_rows(storage, table, names, finished)[0])
    except ResultsError as error:
        return str(error)
    return f"results must be whole, but {finished.describe(storage, table, faults)}; {REMEDY}" if faults else None


def _of_measurements(storage: Storage, table: str, finished: FinishedTrials) -> str | None:
    try:
        lost = lost_measurements(finished, table, read_measurements(storage, table))
    except ResultsError as error:
        return str(error)
    folder = table_folder(storage, table)
    return f"results must be whole, but {folder} lacks {first_and_more(lost)}; {REMEDY}" if lost else None


def _waiting(storage: Storage, finished: FinishedTrials) -> list[str]:
    if not finished.waiting:
        return []
    trials = first_and_more(finished.waiting)
    return [f"{storage.name} waits for trials to run again that were set aside: {trials}; run it again"]
