"""The tables that are measured once a study: the noise floor of its cells, and the agreement with transformers."""

from __future__ import annotations

import pyarrow as pa

from zostudy.errors import ResultsError
from zostudy.results.finished_trials import FinishedTrials
from zostudy.results.parquet import PARQUET, read_rows
from zostudy.results.schema import OLDER_NAMES, SCHEMAS, empty_table
from zostudy.results.storage import Storage

NOISE_FLOOR_FILE = "cells.parquet"

MEASUREMENTS = {"noise_floor": ("cell", "dtype"), "agreement": ("dtype",)}
"""The tables, each with the columns that identify a row."""


def table_folder(storage: Storage, table: str) -> Storage:
    """Returns the folder of a table; that of its older name where only an older zostudy has written the table."""
    folder = storage / table
    if (older := OLDER_NAMES.get(table)) and not folder.files(PARQUET) and (storage / older).files(PARQUET):
        return storage / older
    return folder


def read_measurements(storage: Storage, table: str) -> pa.Table:
    """Returns the rows of a table that is measured once a study; its trials are not read. Without a file, no rows.

    Args:
        storage: of the study.
        table: ``noise_floor`` or ``agreement``.

    Raises:
        ResultsError: a file cannot be read, or a row is there twice.
    """
    folder = table_folder(storage, table)
    parts = [read_rows(folder, name, table, SCHEMAS[table].names) for name in folder.files(PARQUET)]
    rows = pa.concat_tables([empty_table(SCHEMAS[table]), *parts])
    if rows.num_rows > len(set(zip(*(rows[name].to_pylist() for name in MEASUREMENTS[table]), strict=True))):
        raise ResultsError(
            f"each {' and '.join(MEASUREMENTS[table])} must be in {table} once",
            got=f"{folder} holds one twice",
            remedy="move the copy away, or run the study again, which measures it again",
        )
    return rows


def lost_measurements(finished: FinishedTrials, table: str, rows: pa.Table) -> list[str]:
    """Returns what the finished trials record as measured but the table lacks: cells, or the study's model."""
    if table == "agreement":
        return ["the row of the study's model"] if finished.expects_agreement and not rows.num_rows else []
    return sorted(finished.cells - set(rows["cell"].to_pylist()))
