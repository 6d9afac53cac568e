"""Turns labels into classes: their names and their order. Bare numbers, and names that look alike, are told apart."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.types as types
from numpy.typing import NDArray

from zostudy.errors import DataError
from zostudy.tasks.columns import find_column, names_of, refuse_rows

NAME_COLUMN = "label_name"
NO_LABEL = -1

_NUMBER = re.compile(r"[+-]?([0-9]{1,99}\.?[0-9]{0,99}|\.[0-9]{1,99})([eE][+-]?[0-9]{1,3})?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True)
class LabelColumn:
    """The label column of a table.

    Attributes:
        names: the name of each row's label; None where it is empty.
        order: all classes in the data's own order, where it has one, as ``datasets.ClassLabel`` does.
        hidden: bool ``[n]``, whether a row's label is not published: -1 or null in a ``ClassLabel``.
    """

    names: Sequence[str | None]
    order: tuple[str, ...] | None
    hidden: NDArray[np.bool_]


def read_labels(table: pa.Table, column: str, source: str) -> LabelColumn:
    """Returns the labels as they are written.

    Two kinds of columns have an order of their own: a ``datasets.ClassLabel``, whose names ``datasets`` keeps in the
    schema's metadata, and an ordered dictionary (in pandas an ordered categorical).

    Raises:
        DataError: the column is missing, or holds values that name no class.
    """
    values = find_column(table, column, source)
    names = names_of(values, column, source)
    none_hidden = np.zeros(table.num_rows, np.bool_)
    kind = table[column].type
    if types.is_integer(kind) and (found := _class_label(table, column)):
        return _by_number(values.to_pylist(), found, column, source)
    if types.is_dictionary(kind) and kind.ordered and table.num_rows:
        categories = pa.chunked_array([table[column].unify_dictionaries().chunk(0).dictionary])
        order = tuple(filter(None, names_of(categories, column, source)))
        return LabelColumn(names, order, none_hidden)
    return LabelColumn(names, None, none_hidden)


def number_classes(
    labels: LabelColumn, table: pa.Table, column: str, used: Sequence[bool], source: str
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Returns each row's class, int32 ``[n]``, and the class names in order.

    The classes are those of the used rows; a row with another label has ``NO_LABEL``. Their order is the data's own
    where it has one. Otherwise numbers are sorted by value, and named by the column ``label_name`` if it exists; other
    labels are sorted as text.

    Args:
        labels: of the table.
        table: the rows.
        column: the label column.
        used: whether each row's label counts.
        source: the file or data set, for errors.

    Raises:
        DataError: for empty labels, numbers that are not whole, a single class, or names in ``label_name`` that are not
            one to one.
    """
    refuse_rows([name is None for name in labels.names], used, f"empty labels in column {column!r}", source)
    found = {name for name, use in zip(labels.names, used, strict=True) if use and name is not None}
    numbers = labels.order is None and all(is_number(name) or is_not_finite(name) for name in found)
    if numbers and (broken := {name for name in found if not is_whole(name)}):
        what = f"labels in column {column!r} that are not whole numbers"
        refuse_rows([name in broken for name in labels.names], used, what, source)
    order = labels.order or sorted(found, key=by_value if numbers else None)
    classes = tuple(name for name in order if name in found)
    numbers_of: dict[str | None, int] = {name: label for label, name in enumerate(classes)}
    numbered = np.array([numbers_of.get(name, NO_LABEL) for name in labels.names], np.int32)
    if numbers and NAME_COLUMN in table.column_names and column != NAME_COLUMN:
        names = names_of(find_column(table, NAME_COLUMN, source), NAME_COLUMN, source)
        classes = _named(numbered, len(classes), names, used, source)
    if len(classes) < 2:
        remedy = f"a task needs two classes or more, check {column!r}"
        raise DataError(f"all labels are {classes[0]!r}", remedy=remedy, about=source)
    return numbered, classes


def _by_number(numbers: Sequence[int | None], found: tuple[str, ...], column: str, source: str) -> LabelColumn:
    """Returns the labels that the numbers of a ``ClassLabel`` name."""
    wrong = [number is not None and not NO_LABEL <= number < len(found) for number in numbers]
    refuse_rows(wrong, None, f"labels in column {column!r} beyond the {len(found)} names of its ClassLabel", source)
    hidden = [number is None or number == NO_LABEL for number in numbers]
    names = [None if hide else found[number or 0] for number, hide in zip(numbers, hidden, strict=True)]
    return LabelColumn(names, found, np.array(hidden))


def _class_label(table: pa.Table, column: str) -> tuple[str, ...] | None:
    """Returns the names of a ``datasets.ClassLabel``, or None for any other column."""
    try:
        info = json.loads((table.schema.metadata or {})[b"huggingface"])
        names = info["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str | int) and str(name).strip() for name in names):
        return None
    return tuple(map(str, names)) if len(set(map(str, names))) == len(names) else None


def _named(
    labels: NDArray[np.int32], n_classes: int, names: Sequence[str | None], used: Sequence[bool], source: str
) -> tuple[str, ...]:
    rows = zip(labels.tolist(), names, used, strict=True)
    pairs = sorted({(label, name or "") for label, name, use in rows if use})
    if len(pairs) != n_classes or len({name for _, name in pairs}) != n_classes or any(not name for _, name in pairs):
        rule = f"column {NAME_COLUMN!r} must give each label one name of its own"
        raise DataError(rule, remedy="mend or drop it", about=source)
    return tuple(name for _, name in pairs)


def has_names(class_names: Iterable[str]) -> bool:
    """Returns whether the class names are more than bare numbers."""
    return not all(map(is_number, class_names))


def is_number(name: str) -> bool:
    """Returns whether a name is a bare number."""
    return _NUMBER.fullmatch(name) is not None


def is_whole(name: str) -> bool:
    """Returns whether a name is a bare number without a fraction."""
    return is_number(name) and Decimal(name) == Decimal(name).to_integral_value()


def is_not_finite(name: str) -> bool:
    """Returns whether a name is written like a number that is missing or infinite, such as ``nan``."""
    return _NOT_FINITE.fullmatch(name) is not None


def by_value(name: str) -> tuple[Decimal, str]:
    """Returns the key that sorts bare numbers: their value, then their form."""
    return Decimal(name), name


def confusable(class_names: Iterable[str]) -> tuple[str, ...]:
    """Returns the first classes that look alike, or nothing.

    They differ only in blanks, capitals, the form of a number, invisible characters, or how Unicode writes a character.
    """
    kin: dict[object, list[str]] = {}
    for name in class_names:
        plain = _plain(name)
        kin.setdefault(Decimal(plain) if is_number(plain) else plain, []).append(name)
    return next((tuple(names) for names in kin.values() if len(names) > 1), ())


def _plain(name: str) -> str:
    composed = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(c for c in composed if c.isprintable() or c.isspace()).split())
