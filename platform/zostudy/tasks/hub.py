"""Data sets of the Hugging Face hub, or local folders in its layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zostudy.errors import DataError
from zostudy.tasks.files import Columns

if TYPE_CHECKING:
    from pandas import DataFrame


def hub_frame(
    hub: str, config: str | None, revision: str | None, columns: Columns, splits: tuple[str, ...]
) -> tuple[DataFrame, tuple[str, ...]]:
    """Returns the rows of some splits, with ``columns.split`` set, and notes on the rows left out.

    Class numbers become class names where the data set has them. Rows whose label is hidden (-1) or whose
    text is empty are left out: unlike a file's, they cannot be mended.

    Args:
        hub: the data set's id, or a folder.
        config: its configuration, where it has several.
        revision: branch, tag or commit.
        columns: which column holds what.
        splits: the names of the splits to read.

    Raises:
        DataError: when it cannot be loaded, or has no such split.
    """
    import pandas as pd

    data = _load(hub, config, revision)
    if absent := [split for split in splits if split not in data]:
        raise DataError(f"{hub}: no split {absent[0]!r}; the splits are {', '.join(data)}; set task.splits")
    frames, notes = [], []
    for split in splits:
        frame = data[split].to_pandas()
        feature = data[split].features.get(columns.label)
        if names := getattr(feature, "names", None):
            frame[columns.label] = [names[number] if number >= 0 else None for number in frame[columns.label]]
        usable = _usable(frame, columns)
        if left_out := len(frame) - len(usable):
            notes.append(f"{left_out} of {len(frame)} rows of split {split!r} without label or text left out")
        if not len(usable):
            raise DataError(f"{hub}: the labels of split {split!r} are hidden; name another with task.splits")
        frames.append(usable.assign(**{columns.split: split}))
    return pd.concat(frames, ignore_index=True), tuple(notes)


def _load(hub: str, config: str | None, revision: str | None) -> Any:
    import datasets  # type: ignore[import-untyped]

    try:
        return datasets.load_dataset(hub, config, revision=revision)
    except Exception as error:  # the hub's client raises many kinds, its HTTP library's among them
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "check id and config, connect once (HF_HUB_OFFLINE=1 then reads the cache), or give task.file"
        raise DataError(f"{hub}: this data set cannot be loaded ({reason}); {remedy}") from error


def _usable(frame: DataFrame, columns: Columns) -> DataFrame:
    for column in (columns.text, columns.label):
        if column in frame:
            frame = frame[frame[column].notna() & (frame[column].astype(str).str.strip() != "")]
    return frame
