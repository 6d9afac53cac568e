"""Trials that hold what no run writes, as after an edit by hand, are refused in one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zostudy.errors import ResultsError
from zostudy.results.ledger import Ledger
from zostudy.results.outcome import Outcome
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import merge, read_table

SECOND = "zosa-ratio10-confirm-0001"


@pytest.fixture
def storage(make_outcome: Callable[..., Outcome], tmp_path: Path) -> Storage:
    ledger = Ledger(tmp_path)
    for number in range(3):
        ledger.record(make_outcome(number=number))
    merge(ledger.storage)
    return ledger.storage


def edit(storage: Storage, column: str, value: Any) -> None:
    """Writes another value of the second trial into the merged file, which stays one of the same schema."""
    file = Path(storage.path) / "trials" / "merged.parquet"
    rows = pq.read_table(file)
    values, field = rows[column].to_pylist(), rows.schema.field(column)
    values[1] = value
    index = rows.schema.get_field_index(column)
    pq.write_table(rows.set_column(index, field, pa.array(values, field.type)), file)


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("params", "nope", '"nope"'),
        ("params", "[1]", '"[1]"'),
        ("versions", "", '""'),
        ("latent", [1.0], "[1.0]"),
        ("imbalance_ratio", math.nan, "NaN"),
        ("imbalance_ratio", math.inf, "Infinity"),
        ("imbalance_ratio", 0.5, "0.5"),
        ("dev_auc", 1.5, "1.5"),
        ("test_mcc", -1.5, "-1.5"),
        ("test_macro_f1_at_dev_threshold", 1e308, "1e+308"),
    ],
)
def test_a_value_that_no_run_writes_is_named(storage: Storage, column: str, value: Any, shown: str) -> None:
    edit(storage, column, value)
    with pytest.raises(ResultsError) as caught:
        read_table(storage, "trials")
    assert f"but {column} of {SECOND} in {storage} is {shown}; put " in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [("latent", None), ("test_auc", None), ("test_auc", math.nan), ("test_mcc", -1.0), ("dev_auc", 1 + 1e-12)],
)
def test_a_value_that_a_run_may_write_is_read(storage: Storage, column: str, value: Any) -> None:
    edit(storage, column, value)
    assert repr(read_table(storage, "trials", (column,))[column].to_pylist()[1]) == repr(value)
