"""Encodes a trial's outcome as rows of its four tables, and any other rows by the schema of their table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zostudy.results.outcome import Outcome
from zostudy.results.row_digests import NO_ROWS, digest_rows
from zostudy.results.schema import HISTORY, LANDSCAPE, SCORES, TRIALS


def encode(outcome: Outcome, noise_floor_rows: int = 0) -> dict[str, pa.Table]:
    """Returns a trial's rows, table by table: one in ``trials``, one a step, one a scored example, one a probed point.

    The row in ``trials`` says how many there are in each other table, with their digest.

    Args:
        outcome: of the trial.
        noise_floor_rows: that its cell has in ``noise_floor``.

    Raises:
        ValueError: a column is unknown, missing, or of another length than the rest.
    """
    beside = {"history": _history(outcome), "scores": _scores(outcome), "landscape": _landscape(outcome)}
    counts: dict[str, Any] = {"precision_rows": noise_floor_rows}
    for table, rows in beside.items():
        found = digest_rows([rows], table).get(outcome.name, NO_ROWS)
        counts |= {f"{table}_rows": found.count, f"{table}_digest": found.digest}
    return {"trials": encode_rows([replace(outcome.trial, **counts).as_stored()], TRIALS), **beside}


def encode_rows(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Returns a table of rows that have every column of a schema.

    Raises:
        ValueError: a column is unknown, missing, or without the value that it must have.
    """
    for row in rows:
        _check_columns(schema, row)
    table = pa.Table.from_pylist(list(rows), schema=schema)
    empty = [field.name for field in schema if not field.nullable and table[field.name].null_count]
    if empty:
        raise ValueError(f"columns that must have a value: {empty}")
    return table


def _history(outcome: Outcome) -> pa.Table:
    if not outcome.history:
        return HISTORY.empty_table()
    numeric = [field for field in HISTORY if field.name not in ("study", "cell", "trial", "auxiliary")]
    _check_columns(pa.schema(numeric), outcome.history)
    n_steps = len(outcome.history["step"])
    columns = {
        **_names(outcome, n_steps),
        **{
            # In a nullable column, NaN stands for an absent value.
            field.name: pa.array(outcome.history[field.name], type=field.type, from_pandas=field.nullable)
            for field in numeric
        },
        "auxiliary": pa.array(_by_step(outcome.auxiliary, n_steps), type=HISTORY.field("auxiliary").type),
    }
    return pa.table(columns, schema=HISTORY)


def _by_step(auxiliary: Mapping[str, NDArray[np.float64]], n_steps: int) -> list[list[tuple[str, float]]]:
    for name, values in auxiliary.items():
        if len(values) != n_steps:
            raise ValueError(f"auxiliary scalar {name} has {len(values)} values for {n_steps} steps")
    return [
        [(name, float(values[step])) for name, values in auxiliary.items() if not np.isnan(values[step])]
        for step in range(n_steps)
    ]


def _scores(outcome: Outcome) -> pa.Table:
    tables = [SCORES.empty_table()]
    for split, (rows, labels, scores) in outcome.scores.items():
        columns = {
            **_names(outcome, len(rows)),
            "split": pa.repeat(pa.scalar(split), len(rows)),
            "row": pa.array(rows, type=pa.int64()),
            "label": pa.array(labels, type=pa.int32()),
            "scores": _lists(scores),
        }
        tables.append(pa.table(columns, schema=SCORES))
    return pa.concat_tables(tables)


def _landscape(outcome: Outcome) -> pa.Table:
    if outcome.landscape is None:
        return LANDSCAPE.empty_table()
    x, y, loss, examples, _ = outcome.landscape
    columns = {
        **_names(outcome, len(x)),
        "x": pa.array(x, type=pa.float64()),
        "y": pa.array(y, type=pa.float64()),
        "loss": pa.array(loss, type=pa.float64(), from_pandas=True),
        "examples": pa.repeat(pa.scalar(examples, pa.int64()), len(x)),
    }
    return pa.table(columns, schema=LANDSCAPE)


def _lists(matrix: NDArray[np.float32]) -> pa.Array:
    offsets = np.arange(matrix.shape[0] + 1, dtype=np.int32) * matrix.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(matrix.ravel(), type=pa.float32()))


def _names(outcome: Outcome, n_rows: int) -> dict[str, pa.Array]:
    row = outcome.trial
    names = {"study": row.study, "cell": row.cell, "trial": row.trial}
    return {column: pa.repeat(pa.scalar(name), n_rows) for column, name in names.items()}


def _check_columns(schema: pa.Schema, given: Collection[str]) -> None:
    unknown = sorted(set(given) - set(schema.names))
    missing = sorted(set(schema.names) - set(given))
    if unknown or missing:
        raise ValueError(f"columns: unknown {unknown}, missing {missing}")
