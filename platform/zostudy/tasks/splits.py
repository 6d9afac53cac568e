"""The rows of train, dev and test: named by a column of the file, or chosen by a hash of the text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zostudy.config.task import SplitNames
from zostudy.errors import DataError
from zostudy.randomness import generator
from zostudy.tasks.columns import find_column, names_of, refuse_rows
from zostudy.wording import comma_list, suggestion

TEST_SHARE = 0.25


def named_splits(table: pa.Table, column: str, source: str) -> dict[str, NDArray[np.int64]]:
    """Returns the rows of each split, sorted by name; names are stripped of blanks.

    Raises:
        DataError: the column is missing, or a row has no split.
    """
    names = names_of(find_column(table, column, source), column, source)
    refuse_rows([name is None for name in names], None, f"no split in column {column!r}", source)
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault((name or "").strip(), []).append(row)
    return {name: np.array(rows[name], np.int64) for name in sorted(rows)}


def hashed_splits(texts: Sequence[str], second_texts: Sequence[str] | None) -> dict[str, NDArray[np.int64]]:
    """Returns ``train`` and ``test``: a quarter of the texts, by their SHA-256, is test."""
    whole = texts if second_texts is None else map("\0".join, zip(texts, second_texts, strict=True))
    digests = [hashlib.sha256(text.encode()).digest() for text in whole]
    in_test = np.array([int.from_bytes(digest[:4], "big") < TEST_SHARE * 2**32 for digest in digests])
    return {"train": np.flatnonzero(~in_test), "test": np.flatnonzero(in_test)}


def fewer_rows(rows: NDArray[np.int64], labels: NDArray[np.int32], most: int) -> NDArray[np.int64]:
    """Returns about ``most`` of a split's rows, int64, sorted: of each class in proportion, one at least.

    Args:
        rows: of the split.
        labels: of these rows.
        most: at least 1; with as many rows or fewer, all are kept.
    """
    if len(rows) <= most:
        return rows
    kept = []
    for label in np.unique(labels):
        of_class = rows[labels == label]
        count = max(1, len(of_class) * most // len(rows))
        kept.append(generator(0, "test-rows", int(label)).permutation(of_class)[:count])
    return np.sort(np.concatenate(kept))


def split_roles(names: SplitNames, task: str) -> dict[str, str]:
    """Returns role -> split for ``train``, ``test`` and, where the study names one, ``dev``.

    Raises:
        DataError: one split has two roles.
    """
    roles = {"train": names.train, "test": names.test} | ({"dev": names.dev} if names.dev else {})
    if len(set(roles.values())) < len(roles):
        got = "got " + ", ".join(f"{role} = {name}" for role, name in roles.items())
        rule = "task.splits must name different splits"
        raise DataError(rule, got=got, remedy="change one", about=f"task {task!r}")
    return roles


def check_split(name: str, there: Sequence[str], about: str, otherwise: str) -> None:
    """Raises a ``DataError`` unless the split is among those there; ``otherwise`` is the remedy if none is similar."""
    if name not in there:
        got = f"its splits are {comma_list(there)}"
        remedy = suggestion(name, there, otherwise)
        raise DataError(f"must have the split {name!r}", got=got, remedy=remedy, about=about)
