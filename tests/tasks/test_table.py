from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest

from zostudy.config.task import TaskSpec
from zostudy.tasks.loading import load_task
from zostudy.tasks.table import TextTable

TABLE = TextTable(
    texts=("fine film", "", "schön\0e"),
    second_texts=("a", "b", "\U0001f600"),
    labels=np.array([0, 1, 0], np.int32),
    class_names=("no", "yes"),
    splits={"train": np.array([0, 1]), "test": np.array([2])},
)

OTHERS: dict[str, dict[str, Any]] = {
    "a letter": {"texts": ("fine film", "", "schön\0a")},
    "where a text ends": {"texts": ("fine fil", "m", "schön\0e")},
    "the order of the rows": {"texts": ("", "fine film", "schön\0e")},
    "a second text": {"second_texts": ("a", "b", "c")},
    "no second texts": {"second_texts": None},
    "a label": {"labels": np.array([0, 1, 1], np.int32)},
    "a class name": {"class_names": ("no", "yet")},
    "a row's split": {"splits": {"train": np.array([0]), "test": np.array([1, 2])}},
    "a split's name": {"splits": {"train": np.array([0, 1]), "dev": np.array([2])}},
}


def packed(*parts: bytes) -> bytes:
    return b"".join(struct.pack("<q", len(part)) + part for part in parts)


def test_the_digest_is_that_of_all_parts_each_behind_its_length() -> None:
    whole = packed(
        struct.pack("<3q", 9, 0, 7),
        "fine filmschön\0e".encode(),
        struct.pack("<3q", 1, 1, 1),
        "ab\U0001f600".encode(),
        struct.pack("<2q", 2, 3),
        b"noyes",
        struct.pack("<2q", 4, 5),
        b"testtrain",
        struct.pack("<3i", 0, 1, 0),
        struct.pack("<q", 2),
        struct.pack("<2q", 0, 1),
    )
    assert TABLE.digest == hashlib.sha256(whole).hexdigest()[:16]


@pytest.mark.parametrize("change", OTHERS)
def test_another_table_has_another_digest(change: str) -> None:
    assert replace(TABLE, **OTHERS[change]).digest != TABLE.digest


def test_neither_the_order_of_the_splits_nor_the_width_of_numbers_matters() -> None:
    splits: Any = {name: rows.astype(np.int32) for name, rows in reversed(TABLE.splits.items())}
    assert replace(TABLE, splits=splits, labels=TABLE.labels.astype(np.int64)).digest == TABLE.digest


def test_half_a_character_is_no_mistake_of_the_digest() -> None:
    assert replace(TABLE, texts=("\ud83d", "", "")).digest != replace(TABLE, texts=("\ud83e", "", "")).digest


def test_a_table_has_one_digest_however_it_was_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(
        {
            "text": ["fine, really", "bad", 'so "so"', "fine"],
            "label": [1, 0, 0, 1],
            "split": ["train", "train", "test", "test"],
        }
    )
    frame.to_csv(tmp_path / "texts.csv", index=False)
    frame.to_csv(tmp_path / "texts.tsv", sep="\t", index=False)
    frame.to_json(tmp_path / "texts.jsonl", orient="records", lines=True)
    frame.to_json(tmp_path / "texts.json", orient="records")
    frame.to_parquet(tmp_path / "texts.parquet")
    specs = [TaskSpec(name="own", file=str(path)) for path in tmp_path.iterdir()]
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    hub = tmp_path / "hub"
    hub.mkdir()
    for split, rows in frame.groupby("split"):
        rows.drop(columns="split").to_parquet(hub / f"{split}.parquet", index=False)
    specs.append(TaskSpec(name="own", hub=str(hub)))
    digests = {load_task(spec).table.digest for spec in specs}
    assert len(specs) == 6
    assert len(digests) == 1
