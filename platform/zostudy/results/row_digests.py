"""A digest of each trial's rows in a table. It differs where rows are lost, doubled or of another run.

It is a sum of one number a row, so rows may come in any order and some at a time. Not every column takes part: a page
that was changed is known by its checksum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

DIGESTED: dict[str, tuple[str, ...]] = {
    "history": ("step", "queries", "loss", "latent_norm", "dev_auc"),
    "scores": ("split", "row", "label", "scores"),
    "landscape": ("x", "y", "loss"),
}
"""The columns that are digested, by table: those that identify a row in its trial, and those with its values."""

Numbers: TypeAlias = NDArray[np.uint64]

# A quarter of a MiB a column, which the cache of a core holds beside its like.
_ROWS_AT_ONCE = 1 << 15

_NULL = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


@dataclass(frozen=True)
class RowDigest:
    """The rows of one trial in one table.

    Attributes:
        count: how many.
        digest: of all of them, 16 hexadecimal digits.
    """

    count: int
    digest: str


NO_ROWS = RowDigest(0, f"{0:016x}")


def digest_rows(parts: Iterable[pa.Table], table: str) -> dict[str, RowDigest]:
    """Returns count and digest of the rows of each trial.

    Args:
        parts: with the column ``trial`` and those of ``DIGESTED``; a trial may have rows in several.
        table: such as ``scores``.
    """
    counts: dict[str, int] = {}
    sums: dict[str, int] = {}
    for batch in _batches(parts):
        for trial, n_rows, total in _runs(batch, DIGESTED[table]):
            counts[trial] = counts.get(trial, 0) + n_rows
            sums[trial] = (sums.get(trial, 0) + total) % (1 << 64)
    return {trial: RowDigest(counts[trial], f"{sums[trial]:016x}") for trial in counts}


def total(parts: Iterable[RowDigest]) -> RowDigest:
    """Returns count and digest of the rows of several trials."""
    summed = [(rows.count, int(rows.digest, 16)) for rows in parts]
    return RowDigest(sum(count for count, _ in summed), f"{sum(digest for _, digest in summed) % (1 << 64):016x}")


def _batches(parts: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    """Yields the rows in batches: neither one for each file that a table was made of, nor larger than a cache."""
    for part in parts:
        yield from part.combine_chunks().to_batches(max_chunksize=_ROWS_AT_ONCE)


def _runs(rows: pa.RecordBatch, columns: Iterable[str]) -> Iterable[tuple[str, int, int]]:
    """Returns trial, count and sum of each stretch of rows of one trial."""
    if not rows.num_rows:
        return ()
    trials = rows["trial"]
    trials = trials if pa.types.is_dictionary(trials.type) else trials.dictionary_encode()
    codes = trials.indices.to_numpy(zero_copy_only=False)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
    ends = np.concatenate([starts[1:], [len(codes)]])
    names, sums = trials.dictionary.to_pylist(), _sums(_hashes(rows, columns), starts, ends)
    return zip((names[code] for code in codes[starts]), (ends - starts).tolist(), sums.tolist(), strict=True)


def _hashes(rows: pa.RecordBatch, columns: Iterable[str]) -> Numbers:
    hashes = np.zeros(rows.num_rows, dtype=np.uint64)
    for column in columns:
        hashes ^= _numbers(rows[column])
        hashes = _mixed(hashes)
    return hashes


def _numbers(values: pa.Array) -> Numbers:
    """Returns a number for each value, equal for equal ones."""
    if pa.types.is_list(values.type):
        numbers = _of_lists(values)
    elif pa.types.is_string(values.type):
        encoded = values.dictionary_encode()
        known = [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) for text in _texts(encoded)]
        numbers = np.array([*known, 0], dtype=np.uint64)[encoded.indices.fill_null(len(known)).to_numpy()]
    else:
        numbers = _bits((values.fill_null(0) if values.null_count else values).to_numpy(zero_copy_only=False))
    return np.where(values.is_null().to_numpy(zero_copy_only=False), _NULL, numbers) if values.null_count else numbers


def _of_lists(lists: pa.Array) -> Numbers:
    offsets = lists.offsets.to_numpy().astype(np.int64)
    offsets -= offsets[0]
    elements = _numbers(lists.flatten())
    positions = np.arange(len(elements)) - np.repeat(offsets[:-1], np.diff(offsets))
    return _mixed(_sums(_mixed(elements ^ _mixed(positions.astype(np.uint64))), offsets[:-1], offsets[1:]))


def _bits(values: NDArray[Any]) -> Numbers:
    if values.dtype.kind != "f":
        return values.astype(np.int64, copy=False).view(np.uint64)
    numbers = values.astype(np.float64, copy=False)
    missing = np.isnan(numbers)
    return (np.where(missing, np.nan, numbers) if missing.any() else numbers).view(np.uint64)


def _sums(numbers: Numbers, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Numbers:
    """Returns the sums of some stretches, modulo 2^64."""
    total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(numbers, dtype=np.uint64)])
    sums: Numbers = total[ends] - total[starts]
    return sums


def _mixed(numbers: Numbers) -> Numbers:
    """Returns numbers whose bits each depend on all bits given: the finaliser of SplitMix64."""
    numbers = numbers + _NULL
    for shift, factor in _ROUNDS:
        numbers ^= numbers >> shift
        numbers *= factor
    numbers ^= numbers >> np.uint64(31)
    return numbers


def _texts(encoded: pa.DictionaryArray) -> list[str]:
    texts: list[str] = encoded.dictionary.to_pylist()
    return texts
