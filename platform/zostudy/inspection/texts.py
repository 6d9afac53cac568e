"""The lengths and the repeats of a task's texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zostudy.tasks.table import TextTable


@dataclass(frozen=True)
class Lengths:
    """Lengths of texts.

    Attributes:
        unit: ``characters``, ``words`` or ``tokens``. Tokens count the template and the special ones, not the prompt.
        median: the median length.
        most: the 95% quantile.
        longest: the greatest length.
        mean: the mean length.
    """

    unit: str
    median: int
    most: int
    longest: int
    mean: float

    def __str__(self) -> str:
        return f"{self.unit}: median {self.median:,}, 95% up to {self.most:,}, longest {self.longest:,}"


def lengths_of(unit: str, lengths: Sequence[int]) -> Lengths:
    """Returns the summary of at least one length; quantiles are lengths that occur."""
    median, most = np.quantile(lengths, [0.5, 0.95], method="higher")
    return Lengths(unit, int(median), int(most), max(lengths), float(np.mean(lengths)))


@dataclass(frozen=True)
class Repeats:
    """Repeated texts among the used rows of all splits.

    Attributes:
        repeated_rows: number of rows whose text (of a pair: both texts) stands in an earlier row.
        contradictions: number of texts with different labels.
        example: two rows of such a text, counted from 1, or None.
    """

    repeated_rows: int
    contradictions: int
    example: tuple[int, int] | None


def find_repeats(table: TextTable) -> Repeats:
    """Returns the repeats of a task's texts."""
    first: dict[tuple[str, ...], int] = {}
    differing: dict[tuple[str, ...], tuple[int, int]] = {}
    rows = table.used_rows.tolist()
    for row in rows:
        text = table.row_texts(row)
        earlier = first.setdefault(text, row)
        if table.labels[earlier] != table.labels[row]:
            differing.setdefault(text, (earlier + 1, row + 1))
    return Repeats(len(rows) - len(first), len(differing), next(iter(differing.values()), None))
