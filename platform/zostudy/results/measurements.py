"""The tables ``noise_floor`` and ``agreement``, which are measured once a study and not by its trials."""

from __future__ import annotations

import pyarrow as pa

from zostudy.errors import ResultsError
from zostudy.results.finished_trials import FinishedTrials
from zostudy.results.parquet import PARQUET, read_file
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
    """Returns the rows of one of the two tables, without reading the study's trials. Without a file, there are no rows.

    Args:
        storage: of the study.
        table: ``noise_floor`` or ``agreement``.

    Raises:
        ResultsError: a file cannot be read, or a row is there twice.
    """
    folder = table_folder(storage, table)
    parts = [read_file(folder, name, table, SCHEMAS[table].names)[0] for name in folder.files(PARQUET)]
    rows = pa.concat_tables([empty_table(SCHEMAS[table]), *parts])
    if rows.num_rows > len(set(zip(*(rows[name].to_pylist() for name in MEASUREMENTS[table]), strict=True))):
        raise ResultsError(
            f"each {' and '.join(MEASUREMENTS[table])} must be in {table} once",
            got=f"{folder} holds one twice",
            remedy="move the copy away, or run the study again, which measures it again",
        )
    return rows


def lost_measurements(finished: FinishedTrials, table: str, rows: pa.Table) -> list[str]:
    """Returns the cells, or the study's model, that finished trials say were measured but that the table lacks."""
    if table == "agreement":
        return ["the row of the study's model"] if finished.expects_agreement and not rows.num_rows else []
    return sorted(finished.cells - set(rows["cell"].to_pylist()))
