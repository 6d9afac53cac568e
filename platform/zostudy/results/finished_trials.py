"""The rows that each table must hold for the finished trials of a study, and the rows that are missing or surplus.

A function that reads raises ``ResultsError`` where a file cannot be read, and ``FileNotFoundError`` where a file has
gone meanwhile, as happens when files are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from zostudy.errors import ResultsError
from zostudy.results.parquet import PARQUET, read_batches, read_file, read_footer
from zostudy.results.row_digests import NO_ROWS, RowDigest, total
from zostudy.results.schema import TABLES_BESIDE_TRIALS
from zostudy.results.seals import has_seal
from zostudy.results.storage import Storage

MERGED = "merged.parquet"
"""Holds all trials of a study that has ended. Where a trial also has a file of its own, that file counts."""

REMEDY = "put the files back as the run wrote them, or run the study again, which does again what is lost"

_OLDER_MARKS = ("status", "test_auc", "sharpness")
_COLUMNS = (
    *("study", "cell", "trial", "precision_rows", *_OLDER_MARKS),
    *(f"{table}_{what}" for table in TABLES_BESIDE_TRIALS for what in ("rows", "digest")),
)


@dataclass(frozen=True)
class FinishedTrials:
    """The finished trials of a study.

    Attributes:
        trials: the rows that the tables must hold for each trial, by its name.
        files: the file of ``trials`` that holds each trial, by its name.
        set_aside: names of trials that were set aside and are to run again.
        doubled: names of trials that have both a file of their own and a row in the merged file.
        seals: of the merged files of other tables, by table, as they were when the trials were merged.
    """

    trials: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, str]
    set_aside: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    seals: Mapping[str, str] = field(default_factory=dict)

    @property
    def waiting(self) -> list[str]:
        """The trials that were set aside and have not run again."""
        return sorted(self.set_aside - self.trials.keys())

    @property
    def cells(self) -> set[str]:
        """The cells that have rows in ``noise_floor``."""
        return {trial["cell"] for trial in self.trials.values() if trial["precision_rows"]}

    @property
    def expects_agreement(self) -> bool:
        """True if ``agreement`` must have a row: it is as old as the digests, and measured beside noise floors."""
        return any(trial["precision_rows"] and trial["history_digest"] for trial in self.trials.values())

    def of_file(self, name: str) -> list[str]:
        """Returns the trials that are in a file of ``trials``."""
        return self._by_file.get(name, [])

    @cached_property
    def _by_file(self) -> dict[str, list[str]]:
        trials: dict[str, list[str]] = {}
        for trial, file in self.files.items():
            trials.setdefault(file, []).append(trial)
        return trials

    @cached_property
    def expected(self) -> dict[str, dict[str, RowDigest]]:
        """By table and trial, the rows that must be there. Without a digest that is the least number of rows."""
        return {
            table: {trial: _expected(table, row) for trial, row in self.trials.items()}
            for table in TABLES_BESIDE_TRIALS
        }

    def faults(self, table: str, found: Mapping[str, RowDigest]) -> dict[str, str]:
        """Returns what is wrong, by trial, where a table does not hold the rows that it must."""
        pairs = {trial: (expected, found.get(trial, NO_ROWS)) for trial, expected in self.expected[table].items()}
        return {
            trial: _fault(expected, there)
            for trial, (expected, there) in pairs.items()
            if there.count < expected.count or (expected.digest and expected != there)
        }

    def describe(self, storage: Storage, table: str, faults: Mapping[str, str]) -> str:
        """Returns the faults of a table, of which there is at least one, in a few words."""
        trial = min(faults)
        folder, name = storage / table, self.files[trial]
        if folder.exists(name):
            more = f" (and so {len(faults) - 1:,} more)" if len(faults) > 1 else ""
            return f"{folder / name} {faults[trial]} of {trial}{more}"
        lost = [trial for trial in faults if self.files[trial] == name]
        return f"{folder / name} is missing, with the rows of {first_and_more(lost)}"


def _expected(table: str, row: Mapping[str, Any]) -> RowDigest:
    """Returns the rows of a trial that a table must hold.

    An older zostudy did not store their number. Then ``history`` must hold the start's row of each trial that has not
    failed, ``scores`` some rows of each with test scores, and ``landscape`` some of each with a sharpness.
    """
    if (count := row[f"{table}_rows"]) is not None:
        return RowDigest(count, row[f"{table}_digest"] or "")
    if table == "history":
        return RowDigest(int(row["status"] != "failed"), "")
    return RowDigest(int(row["test_auc" if table == "scores" else "sharpness"] is not None), "")


def _fault(expected: RowDigest, there: RowDigest) -> str:
    if there.count == expected.count:
        return "holds other rows than those"
    return f"holds {there.count:,} rows instead of {expected.count:,}" if expected.digest else "holds no rows"


def read_finished(storage: Storage) -> FinishedTrials:
    """Returns the finished trials of a study. A trial's own file counts before the merged one."""
    return read_with_finished(storage, ())[0]


def read_with_finished(storage: Storage, columns: Sequence[str]) -> tuple[FinishedTrials, dict[str, pa.Table]]:
    """Returns the finished trials as ``read_finished`` does, and some columns of each file of ``trials``.

    Raises:
        ResultsError: two files hold the same trial, or one cannot be read.
    """
    folder, needed = storage / "trials", list(dict.fromkeys([*columns, *_COLUMNS]))
    names = sorted(folder.files(PARQUET), key=lambda name: (name != MERGED, name))
    parts = folder.for_each(names, lambda name: read_file(folder, name, "trials", needed))
    set_aside: set[str] = set()
    doubled: set[str] = set()
    trials: dict[str, Mapping[str, Any]] = {}
    files: dict[str, str] = {}
    seals: Mapping[str, str] = {}
    for name, (rows, footer) in zip(names, parts, strict=True):
        here: set[str] = set()
        set_aside |= footer.set_aside
        seals = footer.seals if name == MERGED else seals
        for row in rows.select(_COLUMNS).to_pylist():
            trial = row["trial"]
            if trial in here or files.get(trial, MERGED) != MERGED:
                raise ResultsError(
                    "every study must be read once",
                    got=f"{trial} of {row['study']} is in {storage} twice",
                    remedy="move the copy away",
                )
            if trial in files:
                doubled.add(trial)
            here.add(trial)
            trials[trial], files[trial] = row, name
    tables = {name: rows for name, (rows, _) in zip(names, parts, strict=True)}
    return FinishedTrials(trials, files, frozenset(set_aside), frozenset(doubled), seals), tables


def lost_trials(storage: Storage, finished: FinishedTrials, tables: Sequence[str] | None = None) -> set[str]:
    """Returns the trials that have merged rows in another table, but neither finished nor were set aside.

    Args:
        storage: of a study.
        finished: its trials.
        tables: the tables to look at; None for those that suffice.
    """
    merged = finished.of_file(MERGED)
    found: set[str] = set()
    if tables is None:
        tables = [table for table in TABLES_BESIDE_TRIALS if (storage / table).exists(MERGED)]
        tables = tables[:1] if merged else tables  # the first table has rows of every trial that has any
    for table in tables:
        if (storage / table).exists(MERGED) and not (merged and is_as_expected(storage, table, MERGED, finished)):
            for rows in read_batches(storage / table, MERGED, table, ["trial"]):
                found.update(rows["trial"].unique().to_pylist())
    return found - finished.trials.keys() - finished.set_aside


def is_as_expected(storage: Storage, table: str, name: str, finished: FinishedTrials) -> bool:
    """Returns whether a file holds exactly the rows that it must, by its footer.

    For trials that an older zostudy ran, only the least number of rows is known.
    """
    expected = [finished.expected[table][trial] for trial in finished.of_file(name)]
    footer = read_footer(storage / table, name, table)
    if all(rows.digest for rows in expected):
        return total(expected) == RowDigest(footer.rows, footer.digest or "")
    return footer.rows >= sum(rows.count for rows in expected)


def sealed_rows(storage: Storage, table: str, name: str, finished: FinishedTrials) -> dict[str, RowDigest] | None:
    """Returns the rows of each trial in a file without reading them; None unless it is as the study's end left it.

    Only the merged files of an ended study are sealed, by a note in that of ``trials``.

    Raises:
        OSError: the file was whole a moment ago, and can no longer be read.
    """
    if name != MERGED or table not in finished.seals:
        return None
    expected = {trial: finished.expected[table][trial] for trial in finished.of_file(name)}
    is_whole = all(rows.digest for rows in expected.values()) and is_as_expected(storage, table, name, finished)
    return expected if is_whole and has_seal(storage / table, name, finished.seals[table]) else None


def first_and_more(names: Iterable[str]) -> str:
    """Returns names in a few words."""
    first, *others = sorted(names)
    return f"{first} and {len(others):,} more" if others else first
