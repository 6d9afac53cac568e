"""A file is digested again where it has changed, and not where it has not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from zostudy.results import file_digests as under_test
from zostudy.results.encoding import encode
from zostudy.results.file_digests import digest_file
from zostudy.results.outcome import Outcome
from zostudy.results.parquet import read_batches, write_table
from zostudy.results.storage import Storage

NAME = "a.parquet"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read."""
    names: list[str] = []

    def reading(folder: Storage, name: str, *arguments: Any) -> Iterator[Any]:
        names.append(name)
        return read_batches(folder, name, *arguments)

    monkeypatch.setattr(under_test, "read_batches", reading)
    return names


def test_a_file_is_read_once_until_it_changes(
    reads: list[str], make_outcome: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "SETTLED_SECONDS", float("-inf"))
    folder, rows = Storage.at(tmp_path / "history"), encode(make_outcome(), 0)["history"]
    folder.make()
    write_table(rows, folder, NAME)
    first = digest_file(folder, NAME, "history")
    assert digest_file(folder, NAME, "history") == first
    assert reads == [NAME]

    status = (tmp_path / "history" / NAME).stat()
    column = rows.column_names.index("latent_norm")
    write_table(rows.set_column(column, rows.schema.field(column), pc.add(rows[column], 1.0)), folder, NAME)
    os.utime(tmp_path / "history" / NAME, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest_file(folder, NAME, "history") != first
    assert reads == [NAME] * 2


def test_a_file_that_was_written_a_moment_ago_is_read_again(
    reads: list[str], make_outcome: Callable[..., Outcome], tmp_path: Path
) -> None:
    """A second change may come so soon that the file system gives both the same time."""
    folder = Storage.at(tmp_path / "history")
    folder.make()
    write_table(encode(make_outcome(), 0)["history"], folder, NAME)
    assert digest_file(folder, NAME, "history") == digest_file(folder, NAME, "history")
    assert reads == [NAME] * 2
