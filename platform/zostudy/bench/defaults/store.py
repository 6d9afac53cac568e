"""The measured trials: a Parquet file each, or many in one. A file appears whole, and a trial is never run twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from zostudy.bench.defaults.jobs import TrialJob
from zostudy.errors import ResultsError, one_line_of
from zostudy.results.schema import column
from zostudy.results.storage import Storage, Where

_SUFFIX = ".parquet"

SCHEMA = pa.schema(
    [
        column("key", pa.string(), "digest of all that the trial runs with"),
        column("task", pa.string(), "development task"),
        column("method", pa.string(), "registered method"),
        column("imbalance_ratio", pa.float64(), "majority / minority in train and dev"),
        column("seed", pa.int64(), "number of the confirm seed"),
        column("queries", pa.int64(), "budget"),
        column("evaluations", pa.int64(), "looks at dev beside that at the start"),
        column("search_number", pa.int64(), "number in a search of the method's default space; else null"),
        column("search_space", pa.string(), "what was searched; else empty"),
        column("changes", pa.string(), "settings that were given, as JSON; the others were the defaults of the time"),
        column("settings", pa.string(), "all settings that count, as JSON"),
        column("status", pa.string(), "complete or failed"),
        column("error", pa.string(), "why it failed"),
        column("dev_auc", pa.float64(), "AUC of the kept point on dev, which chose it"),
        column("judged_auc", pa.float64(), "AUC of the kept point on rows of train that chose nothing"),
        column("judged_balanced_accuracy", pa.float64(), "of argmax, on these rows"),
        column("best_queries", pa.int64(), "queries spent when the kept point was found"),
        column("distance", pa.float64(), "of the kept point from the start, in embedding spreads for each entry"),
        column("looks", pa.list_(pa.float64()), "dev AUC at the start and at each look"),
        column("cpu_seconds", pa.float64(), "processor time"),
        column("data", pa.string(), "digest of the texts, labels and splits, test not among them"),
        column("versions", pa.string(), "of Python and packages, as JSON"),
    ]
)


@dataclass(frozen=True)
class Measured:
    """A measured trial; see ``SCHEMA`` for the meaning of each column."""

    key: str
    task: str
    method: str
    imbalance_ratio: float
    seed: int
    queries: int
    evaluations: int
    search_number: int | None
    search_space: str
    changes: Mapping[str, Any]
    settings: Mapping[str, Any]
    status: str
    error: str | None
    dev_auc: float | None
    judged_auc: float | None
    judged_balanced_accuracy: float | None
    best_queries: int | None
    distance: float | None
    looks: tuple[float, ...]
    cpu_seconds: float
    data: str
    versions: Mapping[str, str]

    @property
    def place(self) -> tuple[Any, ...]:
        """As of ``TrialJob``."""
        where = (self.task, self.imbalance_ratio, self.method, self.seed, self.queries, self.evaluations)
        return (*where, self.search_number, self.search_space)


_AS_JSON = ("changes", "settings", "versions")


class Store:
    """A folder of measured trials."""

    def __init__(self, folder: Where) -> None:
        """Reads what is there.

        Raises:
            ResultsError: it cannot be read.
        """
        self._folder = Storage.at(folder)
        self._known: dict[str, Measured] = {}
        self._by_place: dict[tuple[Any, ...], list[Measured]] = {}
        for name in self._folder.files(_SUFFIX):
            self._read(name)

    @property
    def rows(self) -> tuple[Measured, ...]:
        """All measured trials, in the order of their keys."""
        return tuple(self._known[key] for key in sorted(self._known))

    def find(self, job: TrialJob) -> Measured | None:
        """Returns the measured trial of a job, which another process may have added since; None where it is missing."""
        name = job.key + _SUFFIX
        if job.key not in self._known and self._folder.exists(name):
            self._read(name)
        there = self._by_place.get(job.place, [])
        return next((row for row in there if job.runs_as(row.changes, row.settings)), None)

    def add(self, row: Measured) -> None:
        """Writes a trial as a file of its own.

        Raises:
            ResultsError: it cannot be written.
        """
        self._folder.make()
        self._folder.write(row.key + _SUFFIX, _encoded([row]))
        self._remember(row)

    def pack(self, folder: Where, name: str) -> None:
        """Writes all trials to one file of another folder.

        Raises:
            ResultsError: it cannot be written.
        """
        target = Storage.at(folder)
        target.make()
        target.write(name + _SUFFIX, _encoded(self.rows))

    def _read(self, name: str) -> None:
        try:
            rows = _decoded(self._folder.read(name))
        except (pa.ArrowException, OSError, ValueError, TypeError) as error:
            rule, remedy = "must be a file of measured trials", "remove it, and its trials are measured again"
            raise ResultsError(rule, got=one_line_of(error), remedy=remedy, about=f"{self._folder}/{name}") from error
        for row in rows:
            self._remember(row)

    def _remember(self, row: Measured) -> None:
        if row.key not in self._known:
            self._known[row.key] = row
            self._by_place.setdefault(row.place, []).append(row)


def _encoded(rows: Iterable[Measured]) -> pa.Buffer:
    texts = [
        {name: json.dumps(value, sort_keys=True) if name in _AS_JSON else value for name, value in asdict(row).items()}
        for row in rows
    ]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(texts, SCHEMA), buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def _decoded(content: bytes) -> list[Measured]:
    names = [field.name for field in fields(Measured)]
    table = pq.read_table(pa.BufferReader(content), columns=names, page_checksum_verification=True)
    return [_measured(row) for row in table.to_pylist()]


def _measured(row: Mapping[str, Any]) -> Measured:
    decoded = {name: json.loads(value) if name in _AS_JSON else value for name, value in row.items()}
    return Measured(**decoded | {"looks": tuple(row["looks"])})
