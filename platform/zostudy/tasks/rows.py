"""Rows as a file or data set holds them, and a count of used and left-out rows."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class RawRows:
    """Rows in Arrow's types; no type is guessed and no value is changed.

    Attributes:
        table: the columns of the file. Those of CSV and TSV files are strings, those of Parquet files keep their types,
            and those of JSON files have the types that ``json_columns.arrow_column`` chooses.
        objects: for a JSON file, the text of each row's object.
        notes: decisions made while reading the file, one line each.
    """

    table: pa.Table
    objects: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowCount:
    """Counts the rows of a file or data set: each is used, or left out for one reason.

    Attributes:
        used: rows of the splits that the study uses.
        left_out: reason -> rows, such as ``without a label`` or ``of split 'extra'``.
    """

    used: int
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def total(self) -> int:
        """All rows, used or left out."""
        return self.used + sum(rows for _, rows in self.left_out)

    def __str__(self) -> str:
        parts = [f"{self.used:,} used", *(f"{rows:,} {reason}" for reason, rows in self.left_out)]
        return f"{self.total:,} rows: {', '.join(parts)}"


def count_rows(used: int, left_out: dict[str, int]) -> RowCount:
    """Returns the count without reasons that apply to no row."""
    return RowCount(used, tuple((reason, rows) for reason, rows in left_out.items() if rows))
