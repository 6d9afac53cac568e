"""Rows as they come out of a file or a data set, before anything is decided about them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Rows:
    """Rows in Arrow's types: no type is guessed, and no value is changed.

    Attributes:
        table: a column for each column of the file. Columns of CSV and TSV files are strings, those of Parquet files
            have their own types, those of JSON files what ``json_columns`` says.
        objects: of a JSON file, each row as it was written, an object from brace to brace.
        notes: what was decided in reading the file, one line each.
    """

    table: pa.Table
    objects: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowCount:
    """What became of the rows of a file or data set: each is used, or left out for one reason.

    Attributes:
        used: rows of the splits that the study uses.
        left_out: reason -> rows, such as ``without a label`` or ``of split 'extra'``.
    """

    used: int
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def total(self) -> int:
        """All rows that there are."""
        return self.used + sum(rows for _, rows in self.left_out)

    def __str__(self) -> str:
        parts = [f"{self.used:,} used", *(f"{rows:,} {reason}" for reason, rows in self.left_out)]
        return f"{self.total:,} rows: {', '.join(parts)}"


def count_rows(used: int, left_out: dict[str, int]) -> RowCount:
    """Returns the count, without the reasons for which no row is left out."""
    return RowCount(used, tuple((reason, rows) for reason, rows in left_out.items() if rows))
