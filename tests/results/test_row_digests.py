"""Digests of rows against a plain computation, row by row, of the same definition."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from zostudy.results import row_digests
from zostudy.results.row_digests import DIGESTED, RowDigest, digest_rows
from zostudy.results.schema import SCHEMAS

WORD = 1 << 64
NULL = 0x9E3779B97F4A7C15


def mixed(number: int) -> int:
    """SplitMix64: Steele, Lea and Flood 2014."""
    number = (number + NULL) % WORD
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % WORD
    return number ^ (number >> 31)


def number_of(value: Any) -> int:
    if value is None:
        return NULL
    if isinstance(value, str):
        return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big")
    if isinstance(value, list):
        return sum(mixed(number_of(item) ^ mixed(place)) for place, item in enumerate(value)) % WORD
    if isinstance(value, float):
        [bits] = struct.unpack("<Q", struct.pack("<d", np.nan if math.isnan(value) else value))
        return int(bits)
    return int(value) % WORD


def expected(rows: list[dict[str, Any]], table: str) -> dict[str, RowDigest]:
    sums: dict[str, list[int]] = {}
    for row in rows:
        number = 0
        for column in DIGESTED[table]:
            value = number_of(row[column])
            number = mixed(number ^ (mixed(value) if isinstance(row[column], list) else value))
        sums.setdefault(row["trial"], []).append(number)
    return {trial: RowDigest(len(numbers), f"{sum(numbers) % WORD:016x}") for trial, numbers in sums.items()}


def history(n: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    losses = [None, math.nan, -0.0, 0.0, math.inf, *random.normal(size=n).tolist()]
    return [
        {
            "trial": f"trial-{number % 7 // 3}",
            "step": number,
            "queries": -number,
            "loss": losses[number],
            "latent_norm": float(random.random()),
            "dev_auc": 0.5 if number % 5 == 0 else None,
        }
        for number in range(n)
    ]


def scores(n: int) -> list[dict[str, Any]]:
    return [
        {
            "trial": f"trial-{number // 10}",
            "split": "dev" if number % 2 else "test",
            "row": number,
            "label": number % 3,
            "scores": [float(np.float32(number / 7)), math.nan, -1.0][: number % 4],
        }
        for number in range(n)
    ]


@pytest.mark.parametrize(("table", "rows"), [("history", history(40)), ("scores", scores(40))])
@pytest.mark.parametrize("rows_at_once", [1, 7, 1 << 15])
def test_a_digest_is_that_of_its_definition_however_the_rows_are_cut(
    monkeypatch: pytest.MonkeyPatch, table: str, rows: list[dict[str, Any]], rows_at_once: int
) -> None:
    monkeypatch.setattr(row_digests, "_ROWS_AT_ONCE", rows_at_once)
    schema = pa.schema([SCHEMAS[table].field(name) for name in rows[0]])
    whole = pa.Table.from_pylist(rows, schema)
    chunks = pa.concat_tables([whole.slice(0, 3), whole.slice(3, 10), whole.slice(13)])
    encoded = chunks.set_column(0, "trial", chunks["trial"].dictionary_encode())
    parts = [chunks.slice(0, 9), chunks.slice(9, 0), chunks.slice(9)]
    for given in ([whole], [chunks], [encoded], parts):
        assert digest_rows(given, table) == expected(rows, table)


def test_a_value_that_changed_changes_the_digest() -> None:
    rows = history(8)
    before = expected(rows, "history")
    rows[6]["loss"] = 0.25
    schema = pa.schema([SCHEMAS["history"].field(name) for name in rows[0]])
    after = digest_rows([pa.Table.from_pylist(rows, schema)], "history")
    assert {trial for trial in before if before[trial] != after[trial]} == {rows[6]["trial"]}
