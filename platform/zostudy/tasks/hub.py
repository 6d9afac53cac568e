"""Data sets of the Hugging Face hub, or local folders in its layout."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from zostudy.errors import DataError, first_line_of
from zostudy.tasks.columns import check_column, find_column, strings_of
from zostudy.tasks.known import Columns
from zostudy.tasks.labels import NAME_COLUMN, read_labels
from zostudy.tasks.splits import check_split


def hub_rows(
    hub: str, config: str | None, revision: str | None, columns: Columns, splits: tuple[str, ...]
) -> tuple[pa.Table, dict[str, int]]:
    """Returns the rows of some splits, with ``columns.split`` set, and the number of rows left out for each reason.

    Rows of other splits are left out, and so are rows with a hidden (-1) or empty label or an empty text: unlike those
    of a file, the user cannot mend them. The names of a ``ClassLabel`` are in the schema's metadata.

    Args:
        hub: the data set's id, or a folder.
        config: its configuration, where it has several.
        revision: branch, tag or commit.
        columns: those that the task uses.
        splits: the names of the splits to read.

    Raises:
        DataError: it cannot be loaded, lacks a split or column, or hides all labels of a split.
    """
    data = _load(hub, config, revision)
    for split in splits:
        check_split(split, tuple(data), about=hub, otherwise="set task.splits")
    tables, left_out = [], {"without a label": 0, "without a text": 0}
    for split in splits:
        table = _needed(data[split], columns, hub)
        no_label = [name is None for name in read_labels(table, columns.label, hub).names]
        no_text = [text is None for text in strings_of(find_column(table, columns.text, hub), columns.text, hub)]
        left_out["without a label"] += sum(no_label)
        left_out["without a text"] += sum(empty and not other for empty, other in zip(no_text, no_label, strict=True))
        usable = table.filter(pa.array([not (one or other) for one, other in zip(no_label, no_text, strict=True)]))
        if not usable.num_rows:
            rule = f"the labels of split {split!r} are hidden"
            raise DataError(rule, remedy="name another with task.splits", about=hub)
        tables.append(usable.append_column(columns.split, pa.array([split] * usable.num_rows, pa.string())))
    others = {f"of split {split!r}": rows.num_rows for split, rows in data.items() if split not in splits}
    return pa.concat_tables(tables), left_out | others


def _load(hub: str, config: str | None, revision: str | None) -> Any:
    import datasets

    try:
        return datasets.load_dataset(hub, config, revision=revision)
    except Exception as error:  # the hub's client raises many kinds, its HTTP library's among them
        remedy = "check id and config, connect once (HF_HUB_OFFLINE=1 then reads the cache), or give task.file"
        raise DataError(f"this data set cannot be loaded ({first_line_of(error)})", remedy=remedy, about=hub) from error


def _needed(split: Any, columns: Columns, hub: str) -> pa.Table:
    """Returns the columns of a split that are used, in Arrow's types, with the names of a ``ClassLabel``."""
    wanted = [name for name in (columns.text, columns.second_text, columns.label) if name is not None]
    for name in wanted:
        check_column(name, split.column_names, hub)
    if NAME_COLUMN in split.column_names:
        wanted.append(NAME_COLUMN)
    table = split.select_columns(list(dict.fromkeys(wanted))).with_format("arrow")[:]
    return table.replace_schema_metadata(split.features.arrow_schema.metadata)
