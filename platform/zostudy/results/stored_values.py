"""Checks that the stored trials hold values that a run can have written. Their table has no digest of its rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from zostudy.errors import ResultsError
from zostudy.results.schema import METRICS, TEST_METRICS, bounds
from zostudy.results.storage import Storage
from zostudy.wording import shown

_ROUNDING = 1e-9


def check_values(storage: Storage, rows: pa.Table) -> None:
    """Checks some columns of ``trials``, the names of the trials among them.

    Raises:
        ResultsError: a value is none that a run writes, as after an edit by hand.
    """
    for column in filter(rows.column_names.__contains__, _IS_WRONG):
        if (wrong := rows.filter(_IS_WRONG[column](rows, column))).num_rows:
            trial, value = wrong["trial"][0], shown(wrong[column][0].as_py())
            raise ResultsError(
                "results must be what the run wrote",
                got=f"{column} of {trial} in {storage} is {value}",
                remedy="put the files of its folder trials back",
            )


def _is_outside(low: float, high: float, rows: pa.Table, column: str) -> pa.Array:
    return pc.or_(pc.less(rows[column], low - _ROUNDING), pc.greater(rows[column], high + _ROUNDING))


def _is_no_ratio(rows: pa.Table, column: str) -> pa.Array:
    return pc.invert(pc.and_(pc.greater_equal(rows[column], 1), pc.is_finite(rows[column])))


def _is_no_object(rows: pa.Table, column: str) -> pa.Array:
    wrong = [text for text in rows[column].unique().to_pylist() if not _holds_object(text)]
    return pc.is_in(rows[column], pa.array(wrong, pa.string()))


def _holds_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _has_other_length(rows: pa.Table, column: str) -> pa.Array:
    lengths = pc.list_value_length(rows[column])
    return pc.not_equal(lengths, rows["subspace_dim"]) if "subspace_dim" in rows.column_names else pc.less(lengths, 0)


_IS_WRONG: dict[str, Callable[[pa.Table, str], pa.Array]] = {
    "params": _is_no_object,
    "versions": _is_no_object,
    "latent": _has_other_length,
    "imbalance_ratio": _is_no_ratio,
    **{f"dev_{metric}": partial(_is_outside, *bounds(metric)) for metric in METRICS},
    **{f"test_{metric}": partial(_is_outside, *bounds(metric)) for metric in TEST_METRICS},
}
