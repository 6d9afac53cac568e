"""Texts that occur more than once, and those among them whose labels differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zostudy.tasks.table import TextTable


@dataclass(frozen=True)
class Repeats:
    """Repeated texts among the used rows of all splits.

    Attributes:
        repeated_rows: rows whose text (of a pair, both texts) an earlier row has.
        contradictions: texts that occur with different labels.
        example: two rows of such a text, from 1; None without one.
    """

    repeated_rows: int
    contradictions: int
    example: tuple[int, int] | None


def find_repeats(table: TextTable) -> Repeats:
    """Returns the repeats of a task's texts."""
    first: dict[tuple[str, str], int] = {}
    differing: dict[tuple[str, str], tuple[int, int]] = {}
    rows = np.sort(np.concatenate(list(table.splits.values()))).tolist()
    for row in rows:
        text = table.texts[row], table.second_texts[row] if table.second_texts else ""
        earlier = first.setdefault(text, row)
        if table.labels[earlier] != table.labels[row]:
            differing.setdefault(text, (earlier + 1, row + 1))
    return Repeats(len(rows) - len(first), len(differing), next(iter(differing.values()), None))
