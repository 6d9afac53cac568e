"""The measured trials: a Parquet file each, or many in one. A file appears whole, and a trial is never run twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq

from zostudy.bench.defaults.jobs import TrialJob
from zostudy.errors import ResultsError, one_line_of
from zostudy.results.schema import columns_of
from zostudy.results.storage import Storage, Where

_SUFFIX = ".parquet"


@dataclass(frozen=True)
class MeasuredTrial:
    """A measured trial. Its fields are the columns of the files, each with its meaning."""

    key: Annotated[str, "digest of all that the trial runs with"]
    task: Annotated[str, "development task"]
    method: Annotated[str, "registered method"]
    imbalance_ratio: Annotated[float, "majority / minority in train and dev"]
    seed: Annotated[int, "number of the confirm seed"]
    queries: Annotated[int, "budget"]
    evaluations: Annotated[int, "looks at dev beside that at the start"]
    search_number: Annotated[int | None, "number in a search of the method's default space; else null"]
    search_space: Annotated[str, "what was searched; else empty"]
    changes: Annotated[Mapping[str, Any], "settings that were given, as JSON; the others were the defaults of the time"]
    settings: Annotated[Mapping[str, Any], "all settings that count, as JSON"]
    status: Annotated[str, "complete or failed"]
    error: Annotated[str | None, "why it failed"]
    dev_auc: Annotated[float | None, "AUC of the kept point on dev, which chose it"]
    judged_auc: Annotated[float | None, "AUC of the kept point on rows of train that chose nothing"]
    judged_balanced_accuracy: Annotated[float | None, "of argmax, on these rows"]
    best_queries: Annotated[int | None, "queries spent when the kept point was found"]
    distance: Annotated[float | None, "of the kept point from the start, in embedding spreads for each entry"]
    looks: Annotated[tuple[float, ...], "dev AUC at the start and at each look"]
    cpu_seconds: Annotated[float, "processor time"]
    data: Annotated[str, "digest of the texts, labels and splits, test not among them"]
    versions: Annotated[Mapping[str, str], "of Python and packages, as JSON"]

    @property
    def identity(self) -> tuple[Any, ...]:
        """As of ``TrialJob``."""
        where = (self.task, self.imbalance_ratio, self.method, self.seed, self.queries, self.evaluations)
        return (*where, self.search_number, self.search_space)


_AS_JSON = ("changes", "settings", "versions")
_SCHEMA = pa.schema(columns_of(MeasuredTrial, pa.float64()))


class TrialStore:
    """A folder of measured trials."""

    def __init__(self, folder: Where) -> None:
        """Reads what is there.

        Raises:
            ResultsError: it cannot be read.
        """
        self._folder = Storage.at(folder)
        self._known: dict[str, MeasuredTrial] = {}
        self._by_identity: dict[tuple[Any, ...], list[MeasuredTrial]] = {}
        for name in self._folder.files(_SUFFIX):
            self._read(name)

    @property
    def rows(self) -> tuple[MeasuredTrial, ...]:
        """All measured trials, in the order of their keys."""
        return tuple(self._known[key] for key in sorted(self._known))

    def find(self, job: TrialJob) -> MeasuredTrial | None:
        """Returns the measured trial of a job, which another process may have added since; None where it is missing."""
        name = job.key + _SUFFIX
        if job.key not in self._known and self._folder.exists(name):
            self._read(name)
        there = self._by_identity.get(job.identity, [])
        return next((row for row in there if job.runs_as(row.changes, row.settings)), None)

    def add(self, row: MeasuredTrial) -> None:
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

    def _remember(self, row: MeasuredTrial) -> None:
        if row.key not in self._known:
            self._known[row.key] = row
            self._by_identity.setdefault(row.identity, []).append(row)


def _encoded(rows: Iterable[MeasuredTrial]) -> pa.Buffer:
    texts = [
        {name: json.dumps(value, sort_keys=True) if name in _AS_JSON else value for name, value in asdict(row).items()}
        for row in rows
    ]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(texts, _SCHEMA), buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def _decoded(content: bytes) -> list[MeasuredTrial]:
    names = [field.name for field in fields(MeasuredTrial)]
    table = pq.read_table(pa.BufferReader(content), columns=names, page_checksum_verification=True)
    return [_measured(row) for row in table.to_pylist()]


def _measured(row: Mapping[str, Any]) -> MeasuredTrial:
    decoded = {name: json.loads(value) if name in _AS_JSON else value for name, value in row.items()}
    return MeasuredTrial(**decoded | {"looks": tuple(row["looks"])})
