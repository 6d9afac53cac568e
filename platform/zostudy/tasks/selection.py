"""From rows to a table of texts and labels: each row is used, or counted among those left out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zostudy.errors import DataError
from zostudy.tasks.columns import check_column, texts_of
from zostudy.tasks.known import Columns
from zostudy.tasks.labels import NO_LABEL, confusable, number_classes, read_labels
from zostudy.tasks.rows import RowCount, count_rows
from zostudy.tasks.splits import TEST_SHARE, check_split, hashed_splits, named_splits
from zostudy.tasks.table import TextTable
from zostudy.wording import comma_list


def select(
    rows: pa.Table, columns: Columns, roles: Mapping[str, str], source: str, task: str
) -> tuple[TextTable, RowCount, tuple[str, ...]]:
    """Returns the texts and labels, a count of used and left-out rows, and notes on decisions.

    Every row keeps its number in the table, but the splits hold only used rows: those of a split with a role whose
    label is not hidden (-1 in a ``datasets.ClassLabel``). Empty labels and texts in used splits are refused, because
    the user can mend them. Without a split column a quarter of the texts, by their SHA-256, is test.

    Args:
        rows: the rows.
        columns: those that the task uses.
        roles: ``train``, ``test`` and perhaps ``dev`` -> its split.
        source: the file or data set, for errors.
        task: the task's name, for errors.

    Raises:
        DataError: for a missing column or split, empty texts or labels, labels that name no class, a single
            class, or a split whose labels are hidden.
    """
    hashed = columns.split == Columns.split and columns.split not in rows.column_names
    for column in (columns.text, columns.second_text, columns.label, None if hashed else columns.split):
        if column is not None:
            check_column(column, rows.column_names, source)
    labels = read_labels(rows, columns.label, source)
    if hashed:
        texts, second_texts = texts_of(rows, columns.text, columns.second_text, source)
        splits = hashed_splits(texts, second_texts)
    else:
        splits = named_splits(rows, columns.split, source)
    for role, name in roles.items():
        check_split(name, tuple(splits), about=f"task {task!r}", otherwise=f"set task.splits.{role}")
        if len(splits[name]) and labels.hidden[splits[name]].all():
            rule = f"the labels of split {name!r} are hidden"
            raise DataError(rule, remedy="name another with task.splits", about=f"task {task!r}")
    wanted = _mask(rows.num_rows, [splits[name] for name in roles.values()])
    in_use = wanted & ~labels.hidden
    used: list[bool] = in_use.tolist()
    if not hashed:
        texts, second_texts = texts_of(rows, columns.text, columns.second_text, source, used)
    numbers, class_names = number_classes(labels, rows, columns.label, used, source)
    chosen = {role: _labelled(splits[name], name, numbers, task, hashed) for role, name in roles.items()}
    others = {f"of split {name!r}": len(found) for name, found in splits.items() if name not in roles.values()}
    count = count_rows(sum(used), {"without a label": int((wanted & labels.hidden).sum())} | others)
    table = TextTable(texts, second_texts, numbers, class_names, chosen)
    return table, count, tuple(_notes(columns, hashed, class_names))


def _mask(n_rows: int, parts: list[NDArray[np.int64]]) -> NDArray[np.bool_]:
    mask = np.zeros(n_rows, np.bool_)
    for rows in parts:
        mask[rows] = True
    return mask


def _labelled(
    rows: NDArray[np.int64], name: str, labels: NDArray[np.int32], task: str, hashed: bool
) -> NDArray[np.int64]:
    labelled: NDArray[np.int64] = rows[labels[rows] != NO_LABEL]
    if len(np.unique(labels[labelled])) < 2:
        rule = f"split {name!r} holds fewer than two classes"
        remedy = "add rows, or a column that names each row's split" if hashed else "mend it or name another"
        raise DataError(rule, remedy=remedy, about=f"task {task!r}")
    return labelled


def _notes(columns: Columns, hashed: bool, class_names: tuple[str, ...]) -> list[str]:
    notes = []
    if hashed:
        notes.append(f"no column {columns.split!r}: {TEST_SHARE:.0%} of the texts, by their SHA-256, are test")
    if columns.label in class_names:
        remedy = "if the file lacks a header, add one, as its first row is taken as the columns' names"
        notes.append(f"column {columns.label!r} is named like a class: {remedy}")
    if similar := confusable(class_names):
        notes.append(f"{comma_list(similar)} are different classes: labels count as they are written")
    return notes
