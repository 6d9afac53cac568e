"""Small data files of somebody's own."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

WriteData: TypeAlias = Callable[..., Path]


@pytest.fixture
def write_data(tmp_path: Path) -> WriteData:
    """Writes rows as a CSV file with the given columns."""

    def write(columns: Sequence[str], rows: Sequence[Sequence[Any]], name: str = "mail.csv") -> Path:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *rows])
        return path

    return write


@pytest.fixture
def mail(write_data: WriteData) -> Path:
    """Ninety-six ordinary mails and twenty-four of spam, in columns without the usual names."""
    rows = [(number, "ham", f"See you at the meeting number {number}") for number in range(96)]
    rows += [(number, "spam", f"Win prize {number} now") for number in range(96, 120)]
    return write_data(("id", "kind", "body"), rows)
