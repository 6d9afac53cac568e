"""Checks that the stored trials hold values that a run can have written. Their table has no digest of its rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zostudy.errors import ResultsError
from zostudy.results.schema import METRICS, TEST_METRICS, bounds
from zostudy.results.storage import Storage
from zostudy.wording import shown

_ROUNDING = 1e-9

_FEW = ("params", "versions", "imbalance_ratio")
"""Columns with few distinct values. Of the others the least and the largest are looked at, which is quick."""


def check_values(storage: Storage, rows: pa.Table) -> None:
    """Checks some columns of ``trials``, the names of the trials among them.

    Raises:
        ResultsError: a value is none that a run writes, as after an edit by hand.
    """
    for column in (name for name in _IS_POSSIBLE if name in rows.column_names):
        is_possible = _IS_POSSIBLE[column]
        values = rows[column].unique().to_pylist() if column in _FEW else pc.min_max(rows[column]).as_py().values()
        if not all(map(is_possible, values)):
            found = zip(rows["trial"].to_pylist(), rows[column].to_pylist(), strict=True)
            raise _refused(storage, column, *next(each for each in found if not is_possible(each[1])))
    if {"latent", "subspace_dim"} <= {*rows.column_names}:
        lengths = pc.list_value_length(rows["latent"])
        if (wrong := rows.filter(pc.not_equal(lengths, rows["subspace_dim"]))).num_rows:
            raise _refused(storage, "latent", wrong["trial"][0].as_py(), wrong["latent"][0].as_py())


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _is_ratio(value: float) -> bool:
    return 1 <= value < inf


def _is_within(low: float, high: float, value: float | None) -> bool:
    """Returns whether a metric is within its bounds; None and NaN are no value, which is possible."""
    return value is None or not (value < low - _ROUNDING or value > high + _ROUNDING)


def _refused(storage: Storage, column: str, trial: str, value: object) -> ResultsError:
    return ResultsError(
        "results must be what the run wrote",
        got=f"{column} of {trial} in {storage} is {shown(value)}",
        remedy="put the files of its folder trials back",
    )


_IS_POSSIBLE: dict[str, Callable[[Any], bool]] = {
    "params": _is_object,
    "versions": _is_object,
    "imbalance_ratio": _is_ratio,
    **{f"dev_{metric}": partial(_is_within, *bounds(metric)) for metric in METRICS},
    **{f"test_{metric}": partial(_is_within, *bounds(metric)) for metric in TEST_METRICS},
}
