"""Sets aside files that are torn, lost or doubled before a study goes on, so that their trials run again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from zostudy.errors import ResultsError
from zostudy.results.finished_trials import MERGED, FinishedTrials, first_and_more, lost_trials, read_finished
from zostudy.results.measurements import (
    MEASUREMENTS,
    NOISE_FLOOR_FILE,
    lost_measurements,
    read_measurements,
    table_folder,
)
from zostudy.results.parquet import PARQUET, fault_of, read_file, write_table
from zostudy.results.schema import OLDER_NAMES, SCHEMAS, TABLES_BESIDE_TRIALS
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import TABLES_OF_A_TRIAL, count_rows

DAMAGED = "damaged"

Faults = dict[str, str]
"""Faults, by the name of a file or a trial."""


def set_damage_aside(storage: Storage) -> list[str]:
    """Moves damaged files to ``damaged``, so that their trials count as unfinished. The files that stay are whole.

    Args:
        storage: of a study; its lease must be held.

    Returns:
        A line for each file or group of trials set aside.

    Raises:
        ResultsError: a file is of something else or of a newer zostudy, may not be read, or cannot be moved; or a
            trial is there twice.
    """
    lines = _set_obstacles_aside(storage)
    torn = {table: torn_files(table_folder(storage, table), table) for table in SCHEMAS}
    for name, reason in torn["trials"].items():
        lines.append(_set_file_aside(storage, name, f"cannot be read in trials ({reason})"))
    finished = read_finished(storage)
    if not (storage / "trials").exists(MERGED):
        lines += _clear_merged(storage, torn, finished)
    while faults := _faults(storage, torn, finished):
        for name in sorted({finished.files[trial] for trial in faults}):
            lines.append(
                _set_trials_aside(storage, name, {t: faults[t] for t in finished.of_file(name) if t in faults})
            )
        finished = read_finished(storage)  # a trial that ran again was also in the merged files
    for table in TABLES_BESIDE_TRIALS:
        for name, reason in torn[table].items():
            if (storage / table).exists(name):
                _move(storage, table, name)
                lines.append(f"set aside: {table}/{name} cannot be read ({reason})")
    lines += _note_lost(storage, finished)
    for table in MEASUREMENTS:
        lines += _set_measurements_aside(storage, table, torn[table], finished)
    return lines


def has_lost_noise_floor(storage: Storage) -> bool:
    """Returns whether ``noise_floor`` lacks rows, or had to be set aside."""
    names = ("noise_floor", OLDER_NAMES["noise_floor"])
    return any((storage / DAMAGED / name).files() for name in names) or bool(
        lost_measurements(read_finished(storage), "noise_floor", read_measurements(storage, "noise_floor"))
    )


def lacks_measurements(storage: Storage) -> bool:
    """Returns whether rows of a table that is measured once a study are missing."""
    finished = read_finished(storage)
    return any(lost_measurements(finished, table, read_measurements(storage, table)) for table in MEASUREMENTS)


def torn_files(folder: Storage, table: str) -> dict[str, str]:
    """Returns the names of the files that are damaged, as a crash or a disk may leave them, each with the reason.

    Raises:
        ResultsError: a file is whole, but of something else or of a newer zostudy, or may not be read.
    """
    names = folder.files(PARQUET)
    faults = zip(names, folder.for_each(names, lambda name: fault_of(folder, name, table)), strict=True)
    return {name: reason for name, reason in faults if reason is not None}


def _set_obstacles_aside(storage: Storage) -> list[str]:
    """Moves folders and broken links that stand where a file belongs."""
    lines = []
    for table in (*SCHEMAS, *OLDER_NAMES.values()) if storage.folder else ():
        folder = (storage / table).folder
        for path in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
            if path.suffix == PARQUET and not path.is_file():
                _move(storage, table, path.name)
                lines.append(f"set aside: {table}/{path.name} is no file")
    return lines


def _clear_merged(storage: Storage, torn: Mapping[str, Faults], finished: FinishedTrials) -> list[str]:
    """Sets aside merged files without merged trials: a stop during writing left them, or their trials are lost."""
    whole = [table for table in TABLES_BESIDE_TRIALS if MERGED not in torn[table]]
    if lost := lost_trials(storage, finished, whole):
        return [_set_file_aside(storage, MERGED, f"is missing in trials, with {first_and_more(lost)}")]
    for table in whole:
        (storage / table).remove(MERGED)
    return []


def _faults(storage: Storage, torn: Mapping[str, Faults], finished: FinishedTrials) -> Faults:
    """Returns the faults in the other tables, by trial."""
    faults: Faults = {}
    for table in TABLES_BESIDE_TRIALS:
        there, files = (storage / table).files(PARQUET), set(finished.files.values())
        whole = [name for name in there if name in files and name not in torn[table]]
        found = finished.faults(table, count_rows(storage, table, whole, finished)[0])
        for trial, file in finished.files.items():
            expected = finished.expected[table][trial]
            if file in torn[table] and (expected.count or not expected.digest):
                faults.setdefault(trial, f"cannot be read in {table} ({torn[table][file]})")
            elif trial in found:
                faults.setdefault(trial, f"{found[trial]} in {table}" if file in there else f"is missing in {table}")
    return faults


def _set_trials_aside(storage: Storage, name: str, faults: Faults) -> str:
    """Takes trials out of a file of ``trials``. If the file holds no others, all files of that name are set aside."""
    reason = faults[min(faults)]
    rows, footer = read_file(storage / "trials", name, "trials", SCHEMAS["trials"].names)
    if len(faults) == rows.num_rows:
        return _set_file_aside(storage, name, reason)
    (storage / DAMAGED / "trials").make()
    storage.write(_free_name(storage, "trials", name), (storage / "trials").read(name))
    kept = rows.filter(pc.invert(pc.is_in(rows["trial"], pa.array(faults))))
    write_table(kept, storage / "trials", name, set_aside={*footer.set_aside, *faults})
    return f"set aside: {first_and_more(faults)} of {name}: {reason}; what they held runs again"


def _set_file_aside(storage: Storage, name: str, reason: str) -> str:
    for table in TABLES_OF_A_TRIAL:
        if (storage / table).exists(name):
            _move(storage, table, name)
    return f"set aside: {name} {reason}; what it held runs again"


def _note_lost(storage: Storage, finished: FinishedTrials) -> list[str]:
    """Records which trials are in other merged tables alone, so that no reader takes them for lost again."""
    trials = storage / "trials"
    lost = lost_trials(storage, finished, TABLES_BESIDE_TRIALS) if trials.exists(MERGED) else set()
    if not lost:
        return []
    rows, footer = read_file(trials, MERGED, "trials", SCHEMAS["trials"].names)
    write_table(rows, trials, MERGED, set_aside=footer.set_aside | lost)
    return [f"set aside: {first_and_more(lost)} of {MERGED}: missing in trials; what they held runs again"]


def _set_measurements_aside(storage: Storage, table: str, torn: Faults, finished: FinishedTrials) -> list[str]:
    reasons, folder = dict(torn), table_folder(storage, table)
    if table == "noise_floor":
        reasons |= {name: "is a copy" for name in folder.files(PARQUET) if name != NOISE_FLOOR_FILE}
    for name in reasons:
        _move(storage, folder.name, name)
    try:
        rows = read_measurements(storage, table)
    except ResultsError:
        for name in folder.files(PARQUET):
            _move(storage, folder.name, name)
            reasons[name] = "holds a row that is there twice"
        rows = read_measurements(storage, table)
    lines = [f"set aside: {folder.name}/{name} {reason}; measured again" for name, reason in sorted(reasons.items())]
    lost = lost_measurements(finished, table, rows) if not reasons else []
    return [*lines, *([f"lost: {first_and_more(lost)} in {table}; measured again"] if lost else [])]


def _move(storage: Storage, table: str, name: str) -> None:
    storage.move(f"{table}/{name}", _free_name(storage, table, name))


def _free_name(storage: Storage, table: str, name: str) -> str:
    kept = (storage / DAMAGED / table).free_name(f"{PurePosixPath(name).stem}-", PARQUET)
    return f"{DAMAGED}/{table}/{kept}"
